// node run.mjs SCENE ADDRESS CHROMIUM FACTS: play one scene against a host page, and fail on any problem.

import { chromium } from "playwright-core";
import { scenes } from "./scenes.mjs";

const [name, address, executablePath, facts] = process.argv.slice(2);
const scene = scenes[name];
const known = JSON.parse(facts);
const args = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
  "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required --no-proxy-server";
const browser = await chromium.launch({ executablePath, args: args.split(" ") });
try {
  const { options = {}, play, tolerates = [] } = scene;
  const context = await browser.newContext({ viewport: { width: 720, height: 900 }, ...options });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await context.newPage();
  const problems = [];
  const requests = [];
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    problems.push(`${message.text()} (${message.location().url.slice(0, 80)})`);
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    requests.push({ url: request.url().slice(0, 200), view: request.frame().url() === "about:srcdoc" });
  });
  await page.goto(address);
  await page.waitForFunction(() => window.host);
  const view = page.frameLocator("iframe").frameLocator("iframe");
  const show = (options) => page.evaluate((o) => window.host.show(o), { tool: "create_video", ...options });
  const seen = () => page.evaluate(() => window.host.seen);
  await play({ page, view, show, seen, known, problems, requests });

  const ours = [address, address.replace("127.0.0.1", "localhost")];
  const forbidden = requests.filter(({ url, view: inView }) => {
    const { origin, protocol } = new URL(url);
    if (protocol === "data:" || protocol === "blob:" || url.startsWith("about:")) return false;
    return inView ? !known.origins.includes(origin) : !ours.includes(origin);
  });
  if (forbidden.length) throw new Error(`forbidden requests: ${JSON.stringify(forbidden)}`);
  const unexpected = problems.filter((line) => !tolerates.some((pattern) => pattern.test(line)));
  if (unexpected.length) throw new Error(`on the console:\n${unexpected.join("\n")}`);
} finally {
  await browser.close();
}
