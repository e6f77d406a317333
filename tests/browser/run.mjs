// node run.mjs SCENE ADDRESS CHROMIUM FACTS: play one scene against a host page, and fail if anything is amiss.

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
  const wrong = [];
  const requests = [];
  page.on("console", (said) => {
    if (["error", "warning"].includes(said.type())) wrong.push(`${said.text()} (${said.location().url.slice(0, 80)})`);
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    requests.push({ url: request.url().slice(0, 200), view: request.frame().url() === "about:srcdoc" });
  });
  await page.goto(address);
  await page.waitForFunction(() => window.host);
  const view = page.frameLocator("iframe").frameLocator("iframe");
  const show = (what) => page.evaluate((w) => window.host.show(w), { tool: "create_video", ...what });
  const seen = () => page.evaluate(() => window.host.seen);
  await play({ page, view, show, seen, known, wrong, requests });

  const ours = [address, address.replace("127.0.0.1", "localhost")];
  const strangers = requests.filter(({ url, view: inView }) => {
    const { origin, protocol } = new URL(url);
    if (protocol === "data:" || protocol === "blob:" || url.startsWith("about:")) return false;
    return inView ? !known.origins.includes(origin) : !ours.includes(origin);
  });
  if (strangers.length) throw new Error(`requests to where none should go: ${JSON.stringify(strangers)}`);
  const amiss = wrong.filter((line) => !tolerates.some((pattern) => pattern.test(line)));
  if (amiss.length) throw new Error(`said on the console:\n${amiss.join("\n")}`);
} finally {
  await browser.close();
}
