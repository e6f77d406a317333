// The scenes in which the player is tested, by name. A scene drives the host page and reads the view as a person would.

import assert from "node:assert/strict";

const PRICED = { model: "seedanceapi/seedance-2-mini", duration: 4, resolution: "480p" };
const DARK = {
  theme: "dark",
  styles: { variables: { "--color-background-primary": "#30302e", "--color-text-primary": "#faf9f5" } },
};
const ZH = { locale: "zh-CN", timeZone: "Asia/Shanghai" };

const hasHeading = (view, text) => view.getByRole("heading", { level: 1, name: text }).waitFor({ timeout: 20_000 });
const create = (prompt, more = {}) => ({ args: { prompt, ...PRICED, ...more.args }, ...more.host });
const video = (view) => view.locator("video");

/** Wait until the video is visible, play it, and check that its time moves. */
async function plays(view) {
  await video(view).waitFor({ timeout: 20_000 });
  const state = await video(view).evaluate(async (element) => {
    element.muted = true;
    await element.play();
    const start = element.currentTime;
    for (let n = 0; n < 100 && element.currentTime < start + 0.3; n++) await new Promise((r) => setTimeout(r, 100));
    const moved = element.currentTime - start;
    element.pause();
    return { moved, width: element.videoWidth, scheme: element.currentSrc.split(":")[0], seconds: element.duration };
  });
  assert.ok(state.moved >= 0.3, `the video does not move: ${JSON.stringify(state)}`);
  assert.ok(state.width > 0 && state.seconds > 1);
  return state.scheme;
}

async function hasText(view, text) {
  await view.getByText(text).first().waitFor({ timeout: 20_000 });
}

export const scenes = {
  done: {
    async play({ view, show, seen }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      assert.equal(await plays(view), "data");
      await hasText(view, "a fox in the snow");
      await hasText(view, PRICED.model);
      await hasText(view, /videos.*\.mp4$/);
      await hasText(view, "4 s, 480p");
      assert.equal(await video(view).getAttribute("aria-label"), "Video: a fox in the snow");
      const { tools, calls, sizes } = await seen();
      assert.deepEqual(tools.find((t) => t.name === "read_video")._meta.ui.visibility, ["app"]);
      assert.ok(calls.every((c) => ["check_video", "read_video"].includes(c.name)));
      assert.ok(sizes.at(-1) > 400, `too low: ${sizes}`);
    },
  },

  running: {
    async play({ page, view, show, seen }) {
      await show(create("sandbox: slow 40 a fox in the snow"));
      await hasHeading(view, /Generating|In the vendor's queue|Sent to the vendor/);
      const bar = view.getByRole("progressbar", { name: "Progress" });
      await bar.waitFor();
      const before = await bar.evaluate((b) => b.value);
      await hasText(view, /^0:0\d of about \d+:\d\d$/);
      await page.waitForTimeout(5500);
      assert.ok((await bar.evaluate((b) => b.value)) > before, "the bar does not move");
      const checks = (await seen()).calls.filter((c) => c.name === "check_video");
      assert.ok(checks.length >= 2 && checks.length <= 4, `${checks.length} checks in six seconds`);
      assert.equal(await video(view).isVisible(), false);
      assert.equal(await view.getByRole("button", { name: "Create again with changes" }).isVisible(), false);
    },
  },

  becomes_done: {
    async play({ view, show }) {
      await show(create("sandbox: slow 3 a fox in the snow"));
      await hasHeading(view, "Done");
      await plays(view);
    },
  },

  check: {
    async play({ page, view, show, known }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await hasHeading(view, "Done");
      await plays(view);
      await hasText(view, "made before");
    },
  },

  failed: {
    async play({ view, show }) {
      await show(create("sandbox: fail real_person a fox"));
      await hasHeading(view, "Failed");
      await hasText(view, /Use images without a recognisable real person/);
      await hasText(view, /The vendor says: /);
      assert.equal(await video(view).isVisible(), false);
    },
  },

  unknown: {
    async play({ view, show }) {
      await show(create("sandbox: lose-answer a fox"));
      await hasHeading(view, "Outcome unknown");
      await hasText(view, /Do not create it again yet: .* seedance-mcp videos resolve [2-9a-z]{12}/);
      await hasText(view, /\(reserved, sandbox\)/);
      await view.getByRole("button", { name: "Check again" }).click();
      await hasHeading(view, "Outcome unknown");
      assert.equal(await view.getByRole("button", { name: "Create again with changes" }).isVisible(), false);
    },
  },

  refused: {
    async play({ view, show, seen }) {
      await show(create("a fox", { args: { resolution: "8K" } }));
      await hasHeading(view, "Not started");
      await hasText(view, /480p/);
      await hasText(view, /^This cannot be made as asked\.[^{}]*Nothing was sent, and nothing was charged\.$/);
      await view.getByRole("button", { name: "Create what would work" }).click();
      await hasText(view, "Sent to the chat.");
      const [message] = (await seen()).messages;
      const [, wanted] = message.content[0].text.match(/^Please create the video like this: (\{.*\})$/);
      assert.equal(JSON.parse(wanted).prompt, "a fox");
    },
  },

  refused_in_chinese: {
    async play({ view, show }) {
      await show(create("一只狐狸", { args: { resolution: "8K" }, host: { context: ZH } }));
      await hasHeading(view, "未开始");
      await hasText(view, /^无法按要求生成。[^{}]*没有提交，未扣费。$/);
      await view.getByRole("button", { name: "按可行的方案生成" }).waitFor();
    },
  },

  continue: {
    async play({ view, show, seen }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      await plays(view);
      await view.getByRole("button", { name: "Create again with changes" }).click();
      await view.getByRole("button", { name: "Continue from here" }).click();
      await view.getByRole("textbox", { name: "What happens next?" }).fill("it finds a lantern");
      await view.getByRole("button", { name: "Send to the chat" }).click();
      await hasText(view, "Sent to the chat.");
      const [message] = (await seen()).messages;
      assert.match(message.content[0].text, /^Please continue video \w{12}: .* first_frame.* model seedanceapi\/.*: it finds a lantern$/);
    },
  },

  whole_prompt: {
    async play({ page, view, show }) {
      await page.setViewportSize({ width: 360, height: 900 });
      await show(create("a fox in the snow ".repeat(40) + "at last"));
      await hasHeading(view, "Done");
      const prompt = view.locator("#prompt"), height = () => prompt.evaluate((p) => p.clientHeight);
      const cut = await height();
      await view.getByRole("button", { name: "Show the whole prompt" }).click();
      assert.ok((await height()) > cut * 2);
      await view.getByRole("button", { name: "Show less" }).click();
      assert.equal(await height(), cut);
    },
  },

  portrait: {
    async play({ view, show }) {
      await show(create("a fox in the snow", { args: { aspect_ratio: "9:16" } }));
      await hasHeading(view, "Done");
      await plays(view);
      const box = await video(view).boundingBox();
      assert.ok(Math.abs(box.width / box.height - 9 / 16) < 0.02, `${box.width} x ${box.height}`);
    },
  },

  copy: {
    async play({ view, show }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      await view.getByRole("button", { name: "Copy the path" }).click();
      await hasText(view, "The path is copied.");
      assert.match(await view.locator("body").evaluate(() => String(getSelection())), /\.mp4$/);
    },
  },

  quoted: {
    async play({ view, show }) {
      await show(create("a fox", { args: { dry_run: true } }));
      await hasHeading(view, "Price only");
      await hasText(view, /Nothing was sent/);
    },
  },

  // There is only the link: nothing is saved.
  link: {
    async play({ view, show, known }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      assert.equal(await plays(view), "http");
      assert.ok(known.origins.length > 0);
    },
  },

  expired_link: {
    tolerates: [/Failed to load resource.*403.*\/videos\//],
    async play({ view, show, page }) {
      await show(create("sandbox: expired-link a fox"));
      await hasHeading(view, "Done");
      await hasText(view, "The link to the video no longer works. Check again for a new one.");
      assert.equal(await video(view).isVisible(), false);
      // The vendor gives a new link. Without saving, nothing polls the vendor for it, so the test puts it into the answer.
      await page.evaluate(() => {
        window.host.modify.check_video = (result) => {
          const fields = result.structuredContent;
          fields.url = fields.url.replace("link=1", "link=2");
          return result;
        };
      });
      await view.getByRole("button", { name: "Check again" }).click();
      assert.equal(await plays(view), "http");
    },
  },

  // A video too large to be loaded without asking plays from its link or, once that has expired, from the saved file.
  expired_then_saved: {
    tolerates: [/Failed to load resource.*404.*\/videos\//],
    async play({ view, show, page, known }) {
      await page.evaluate(() => {
        window.host.modify.check_video = (result) => {
          const fields = result.structuredContent;
          fields.url = fields.url.replace("/videos/", "/videos/gone-");
          return result;
        };
      });
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await hasHeading(view, "Done");
      await view.getByRole("button", { name: "Load the video (20 MB)" }).click();
      await plays(view);
    },
  },

  large: {
    async play({ view, show, known, seen }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await hasHeading(view, "Done");
      await view.getByRole("button", { name: "Load the video (20 MB)" }).click();
      await plays(view);
      const reads = (await seen()).calls.filter((c) => c.name === "read_video" && c.arguments.offset !== undefined);
      assert.equal(new Set(reads.map((c) => c.arguments.offset)).size, reads.length);
      await view.getByRole("button", { name: "Save as…" }).click();
      await hasText(view, "Saved.");
      const [saved] = (await seen()).downloads;
      assert.equal(Buffer.from(saved.resource.blob, "base64").length, known.size);
      assert.match(saved.resource.uri, /^file:\/\/\/20\d\d-\d\d-\d\d-made-before-.*\.mp4$/);
    },
  },

  // The saved file is gone and the sandbox's link cannot be reached from a browser.
  deleted_file: {
    async play({ view, show, known }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await hasHeading(view, "Done");
      await hasText(view, /The video cannot be shown here/);
      await view.getByRole("button", { name: "Check again" }).waitFor();
    },
  },

  download_with_key: {
    async play({ view, show }) {
      await show(create("a fox", { args: { model: "ope/seedance-2-0", duration: 5, resolution: "720p" } }));
      await hasHeading(view, "Done");
      assert.equal(await plays(view), "data");
    },
  },

  download_with_key_unsaved: {
    async play({ view, show }) {
      await show(create("a fox", { args: { model: "ope/seedance-2-0", duration: 5, resolution: "720p" } }));
      await hasHeading(view, "Done");
      await hasText(view, /This video has no link/);
    },
  },

  blob_only: {
    tolerates: [/policy: media-src data|violates the following Content Security Policy directive.*media-src blob:/],
    async play({ view, show }) {
      await show(create("a fox", { host: { csp: "blob" } }));
      await hasHeading(view, "Done");
      assert.equal(await plays(view), "blob");
    },
  },

  chinese_and_dark: {
    options: { colorScheme: "dark" },
    async play({ page, view, show }) {
      await show(create("雪地里的一只狐狸", { host: { context: { ...DARK, ...ZH } } }));
      await hasHeading(view, "已完成");
      await plays(view);
      await hasText(view, "时长");
      const colours = () => view.locator("body").evaluate((b) => [getComputedStyle(b).backgroundColor, b.parentElement.lang]);
      assert.deepEqual(await colours(), ["rgb(48, 48, 46)", "zh"]);
      await page.evaluate(() => window.bridge.sendHostContextChange({ theme: "light", locale: "en-GB",
        styles: { variables: { "--color-background-primary": "#ffffff", "--color-text-primary": "#111111" } } }));
      await hasHeading(view, "Done");
      assert.deepEqual(await colours(), ["rgb(255, 255, 255)", "en"]);
    },
  },

  // Without a theme from the host, the browser's own applies.
  dark_by_itself: {
    options: { colorScheme: "dark", reducedMotion: "reduce" },
    async play({ view, show }) {
      await show(create("sandbox: slow 30 a fox"));
      await view.getByRole("progressbar").waitFor();
      assert.equal(await view.locator("body").evaluate((b) => getComputedStyle(b).backgroundColor), "rgb(28, 28, 27)");
    },
  },

  // A host that shows views and offers nothing else.
  no_capabilities: {
    async play({ page, view, show, seen }) {
      await show(create("a fox in the snow", { host: { capabilities: {} } }));
      await hasHeading(view, "Sent to the vendor");
      await hasText(view, "Ask the assistant to check this video.");
      await hasText(view, "a fox in the snow");
      await page.waitForTimeout(2000);
      assert.deepEqual((await seen()).calls, []);
      assert.equal(await view.getByRole("button").count(), 0);
    },
  },

  // A server that does not answer once, and a host that passes on only the text of an answer.
  text_only: {
    async play({ page, view, show }) {
      await page.evaluate(() => {
        let failures = 1;
        window.host.modify.check_video = ({ content }) => {
          if (failures-- > 0) throw new Error("the server does not answer");
          return { content };
        };
      });
      await show(create("a fox in the snow"));
      await hasText(view, "The server did not answer. It will be asked again.");
      await hasHeading(view, "Done");
      await plays(view);
    },
  },

  change: {
    async play({ page, view, show, seen }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      const button = view.getByRole("button", { name: "Create again with changes" });
      await button.click();
      assert.equal(await button.getAttribute("aria-expanded"), "true");
      const field = view.getByRole("textbox", { name: "What should be different?" });
      assert.ok(await field.evaluate((w) => w === document.activeElement), "the field has the focus");
      await page.keyboard.press("Escape");
      assert.ok(await button.evaluate((b) => b === document.activeElement), "the focus goes back");
      await button.click();
      await field.fill("at night");
      await page.keyboard.press("Control+Enter");
      await hasText(view, "Sent to the chat.");
      const [message] = (await seen()).messages;
      assert.equal(message.role, "user");
      assert.match(message.content[0].text, /^Please create video \w{12} again \(model .*\) with these changes: at night\n/);
      assert.match(message.content[0].text, /a fox in the snow$/);
    },
  },

  list: {
    async play({ view, show }) {
      await show(create("sandbox: fail content_policy a <b>bold</b> fox"));
      await hasHeading(view, "Failed");
      await view.getByRole("button", { name: "Latest videos" }).click();
      const rows = view.getByRole("region", { name: "Latest videos" }).getByRole("listitem");
      await rows.nth(1).waitFor();
      assert.equal(await rows.count(), 2);
      await hasText(view, "sandbox: fail content_policy a <b>bold</b> fox");
      await rows.getByRole("button", { name: /made before/ }).click();
      await hasHeading(view, "Done");
      await plays(view);
      await hasText(view, "made before");
    },
  },

  keyboard: {
    async play({ page, view, show }) {
      await show(create("a fox in the snow"));
      await hasHeading(view, "Done");
      await plays(view);
      const names = [];
      await video(view).focus();
      for (let n = 0; n < 14 && !names.includes("list"); n++) {
        await page.keyboard.press("Tab");
        const at = await view.locator("body").evaluate(() => {
          const active = document.activeElement;
          const outlined = active.matches(":focus-visible") && getComputedStyle(active).outlineStyle !== "none";
          return { id: active.id, outlined };
        });
        if (at.id && at.id !== "video" && names.at(-1) !== at.id) {
          names.push(at.id);
          assert.ok(at.outlined, `${at.id} shows no focus outline`);
        }
      }
      assert.deepEqual(names, ["save", "copy", "next", "change", "list"]);
      assert.equal(await view.locator("[role=status] h1").count(), 1);
    },
  },

  teardown: {
    async play({ page, view, show, seen }) {
      await show(create("sandbox: slow 30 a fox"));
      await view.getByRole("progressbar").waitFor();
      await page.evaluate(() => window.bridge.teardownResource({}));
      const before = (await seen()).calls.length;
      await page.waitForTimeout(4000);
      assert.ok((await seen()).calls.length <= before + 1, "it still checks the job");
    },
  },

  cancelled: {
    async play({ view, show }) {
      await show(create("a fox", { host: { cancel: true } }));
      await hasHeading(view, "The call was cancelled");
      await hasText(view, /is still generated/);
    },
  },

  screenshot_done: {
    async play(stage) {
      await stage.show(create("A red fox trots through fresh snow at dawn, breath steaming, shallow depth of field"));
      await hasHeading(stage.view, "Done");
      await takeScreenshot(stage);
    },
  },

  screenshot_chinese: {
    async play(stage) {
      await stage.show(create("清晨，一只赤狐小跑穿过新雪，呼出白气，浅景深", { host: { context: { ...DARK, ...ZH } } }));
      await hasHeading(stage.view, "已完成");
      await takeScreenshot(stage);
    },
  },

  screenshot_portrait: {
    async play(stage) {
      await stage.page.setViewportSize({ width: 400, height: 900 });
      await stage.show(create("A red kite over a grey beach, slow pan", { args: { aspect_ratio: "9:16" } }));
      await hasHeading(stage.view, "Done");
      await takeScreenshot(stage);
    },
  },

  screenshot_refused: {
    async play({ page, view, show, known }) {
      await show(create("一只狐狸", { args: { resolution: "8K" }, host: { context: { ...DARK, ...ZH } } }));
      await hasHeading(view, "未开始");
      await page.locator("iframe").screenshot({ path: known.screenshot });
    },
  },

  screenshot_running: {
    async play({ page, view, show, known }) {
      await show(create("A paper boat drifts down a rainy street at night, neon reflections (sandbox: slow 60)", {
        host: { context: DARK },
      }));
      await hasHeading(view, "Generating");
      await page.waitForTimeout(4000);
      await page.locator("iframe").screenshot({ path: known.screenshot });
    },
  },

  screenshot_unknown: {
    async play({ page, view, show, known }) {
      await show(create("A glass whale swims over a sleeping city (sandbox: lose-answer)"));
      await hasHeading(view, "Outcome unknown");
      await view.getByRole("button", { name: "Latest videos" }).click();
      await view.getByRole("listitem").nth(2).waitFor();
      await page.locator("iframe").screenshot({ path: known.screenshot });
    },
  },
};

/** Take a screenshot of a finished video, without a path of this machine in it. */
async function takeScreenshot({ page, view, known }) {
  await plays(view);
  await video(view).evaluate((v) => new Promise((r) => { v.onseeked = r; v.currentTime = 1.5; }));
  await view.locator("dd", { hasText: ".mp4" }).evaluate((dd) => {
    dd.textContent = dd.textContent.replace(/^.*\//, "/home/you/Videos/Seedance/");
  });
  await page.waitForTimeout(300);
  await page.locator("iframe").screenshot({ path: known.screenshot });
}
