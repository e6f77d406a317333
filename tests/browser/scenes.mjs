// What is tried with the player, by name. A scene drives the host page and looks at the view as a person would.

import assert from "node:assert/strict";

const PRICED = { model: "seedanceapi/seedance-2-mini", duration: 4, resolution: "480p" };
const DARK = {
  theme: "dark",
  styles: { variables: { "--color-background-primary": "#30302e", "--color-text-primary": "#faf9f5" } },
};
const ZH = { locale: "zh-CN", timeZone: "Asia/Shanghai" };

const reads = (view, text) => view.getByRole("heading", { level: 1, name: text }).waitFor({ timeout: 20_000 });
const create = (prompt, more = {}) => ({ args: { prompt, ...PRICED, ...more.args }, ...more.host });
const film = (view) => view.locator("video");

/** Wait until the film can be seen, play it, and see that time passes in it. */
async function plays(view) {
  await film(view).waitFor({ timeout: 20_000 });
  const moved = await film(view).evaluate(async (video) => {
    video.muted = true;
    await video.play();
    const begun = video.currentTime;
    for (let n = 0; n < 100 && video.currentTime < begun + 0.3; n++) await new Promise((r) => setTimeout(r, 100));
    const moved = video.currentTime - begun;
    video.pause();
    return { moved, width: video.videoWidth, kind: video.currentSrc.split(":")[0], seconds: video.duration };
  });
  assert.ok(moved.moved >= 0.3, `the film stands still: ${JSON.stringify(moved)}`);
  assert.ok(moved.width > 0 && moved.seconds > 1);
  return moved.kind;
}

async function said(view, text) {
  await view.getByText(text).first().waitFor({ timeout: 20_000 });
}

export const scenes = {
  done: {
    async play({ view, show, seen }) {
      await show(create("a fox in the snow"));
      await reads(view, "Done");
      assert.equal(await plays(view), "data");
      await said(view, "a fox in the snow");
      await said(view, PRICED.model);
      await said(view, /films.*\.mp4$/);
      await said(view, "4 s, 480p");
      assert.equal(await film(view).getAttribute("aria-label"), "Film: a fox in the snow");
      const { tools, calls, sizes } = await seen();
      assert.deepEqual(tools.find((t) => t.name === "read_film")._meta.ui.visibility, ["app"]);
      assert.ok(calls.every((c) => ["check_video", "read_film"].includes(c.name)));
      assert.ok(sizes.at(-1) > 400, `too low: ${sizes}`);
    },
  },

  running: {
    async play({ page, view, show, seen }) {
      await show(create("sandbox: slow 40 a fox in the snow"));
      await reads(view, /Being made|In the vendor's queue|Sent to the vendor/);
      const bar = view.getByRole("progressbar", { name: "Progress" });
      await bar.waitFor();
      const before = await bar.evaluate((b) => b.value);
      await said(view, /^0:0\d of about \d+:\d\d$/);
      await page.waitForTimeout(5500);
      assert.ok((await bar.evaluate((b) => b.value)) > before, "the bar stands still");
      const checks = (await seen()).calls.filter((c) => c.name === "check_video");
      assert.ok(checks.length >= 2 && checks.length <= 4, `${checks.length} checks in six seconds`);
      assert.equal(await film(view).isVisible(), false);
      assert.equal(await view.getByRole("button", { name: "Again with changes" }).isVisible(), false);
    },
  },

  becomes_done: {
    async play({ view, show }) {
      await show(create("sandbox: slow 3 a fox in the snow"));
      await reads(view, "Done");
      await plays(view);
    },
  },

  check: {
    async play({ page, view, show, known }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await reads(view, "Done");
      await plays(view);
      await said(view, "made before");
    },
  },

  failed: {
    async play({ view, show }) {
      await show(create("sandbox: fail real_person a fox"));
      await reads(view, "Failed");
      await said(view, /Use pictures without a recognisable real person/);
      await said(view, /The vendor says: /);
      assert.equal(await film(view).isVisible(), false);
    },
  },

  unknown: {
    async play({ view, show }) {
      await show(create("sandbox: lose-answer a fox"));
      await reads(view, "Outcome unknown");
      await said(view, /Do not make it again yet: .* seedance-mcp videos resolve [2-9a-z]{12}/);
      await said(view, /\(reserved\)/);
      await view.getByRole("button", { name: "Check again" }).click();
      await reads(view, "Outcome unknown");
      assert.equal(await view.getByRole("button", { name: "Again with changes" }).isVisible(), false);
    },
  },

  refused: {
    async play({ view, show }) {
      await show(create("a fox", { args: { resolution: "8K" } }));
      await reads(view, "Not started");
      await said(view, /480p/);
    },
  },

  quoted: {
    async play({ view, show }) {
      await show(create("a fox", { args: { dry_run: true } }));
      await reads(view, "Price only");
      await said(view, /Nothing was sent/);
    },
  },

  // The link is all there is: nothing is saved.
  link: {
    async play({ view, show, known }) {
      await show(create("a fox in the snow"));
      await reads(view, "Done");
      assert.equal(await plays(view), "http");
      assert.ok(known.origins.length > 0);
    },
  },

  expired_link: {
    tolerates: [/Failed to load resource.*403.*\/films\//],
    async play({ view, show, page }) {
      await show(create("sandbox: expired-link a fox"));
      await reads(view, "Done");
      await said(view, "The film's link no longer works. Check again for a fresh one.");
      assert.equal(await film(view).isVisible(), false);
      // The vendor gives a fresh link; the look that brings it is bent in, for without saving none is asked for.
      await page.evaluate(() => {
        window.host.bend.check_video = (result) => {
          const fields = result.structuredContent;
          fields.url = fields.url.replace("link=1", "link=2");
          return result;
        };
      });
      await view.getByRole("button", { name: "Check again" }).click();
      assert.equal(await plays(view), "http");
    },
  },

  // A film too large to be fetched unasked plays from its link; when that has expired, from the saved file.
  expired_then_saved: {
    tolerates: [/Failed to load resource.*404.*\/films\//],
    async play({ view, show, page, known }) {
      await page.evaluate(() => {
        window.host.bend.check_video = (result) => {
          const fields = result.structuredContent;
          fields.url = fields.url.replace("/films/", "/films/gone-");
          return result;
        };
      });
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await reads(view, "Done");
      await view.getByRole("button", { name: "Load the film (20 MB)" }).click();
      await plays(view);
    },
  },

  large: {
    async play({ view, show, known, seen }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await reads(view, "Done");
      await view.getByRole("button", { name: "Load the film (20 MB)" }).click();
      await plays(view);
      const pieces = (await seen()).calls.filter((c) => c.name === "read_film" && c.arguments.offset !== undefined);
      assert.equal(new Set(pieces.map((c) => c.arguments.offset)).size, pieces.length);
      await view.getByRole("button", { name: "Save as…" }).click();
      await said(view, "Saved.");
      const [saved] = (await seen()).downloads;
      assert.equal(Buffer.from(saved.resource.blob, "base64").length, known.size);
      assert.match(saved.resource.uri, /^file:\/\/\/20\d\d-\d\d-\d\d-made-before-.*\.mp4$/);
    },
  },

  // The saved file is gone and the sandbox's link cannot be reached from a browser.
  gone: {
    async play({ view, show, known }) {
      await show({ tool: "check_video", args: { job_id: known.job_id } });
      await reads(view, "Done");
      await said(view, /The film cannot be shown here/);
      await view.getByRole("button", { name: "Check again" }).waitFor();
    },
  },

  keyed: {
    async play({ view, show }) {
      await show(create("a fox", { args: { model: "ope/seedance-2-0", duration: 5, resolution: "720p" } }));
      await reads(view, "Done");
      assert.equal(await plays(view), "data");
    },
  },

  keyed_unsaved: {
    async play({ view, show }) {
      await show(create("a fox", { args: { model: "ope/seedance-2-0", duration: 5, resolution: "720p" } }));
      await reads(view, "Done");
      await said(view, /There is no link to this film/);
    },
  },

  blob_only: {
    tolerates: [/policy: media-src data|violates the following Content Security Policy directive.*media-src blob:/],
    async play({ view, show }) {
      await show(create("a fox", { host: { csp: "blob" } }));
      await reads(view, "Done");
      assert.equal(await plays(view), "blob");
    },
  },

  chinese_and_dark: {
    options: { colorScheme: "dark" },
    async play({ page, view, show }) {
      await show(create("雪地里的一只狐狸", { host: { context: { ...DARK, ...ZH } } }));
      await reads(view, "已完成");
      await plays(view);
      await said(view, "时长");
      const colours = () => view.locator("body").evaluate((b) => [getComputedStyle(b).backgroundColor, b.parentElement.lang]);
      assert.deepEqual(await colours(), ["rgb(48, 48, 46)", "zh"]);
      await page.evaluate(() => window.bridge.sendHostContextChange({ theme: "light", locale: "en-GB",
        styles: { variables: { "--color-background-primary": "#ffffff", "--color-text-primary": "#111111" } } }));
      await reads(view, "Done");
      assert.deepEqual(await colours(), ["rgb(255, 255, 255)", "en"]);
    },
  },

  // Without a word from the host, the theme is the browser's.
  dark_by_itself: {
    options: { colorScheme: "dark", reducedMotion: "reduce" },
    async play({ view, show }) {
      await show(create("sandbox: slow 30 a fox"));
      await view.getByRole("progressbar").waitFor();
      assert.equal(await view.locator("body").evaluate((b) => getComputedStyle(b).backgroundColor), "rgb(28, 28, 27)");
    },
  },

  // A host that shows views and offers nothing else.
  little: {
    async play({ page, view, show, seen }) {
      await show(create("a fox in the snow", { host: { capabilities: {} } }));
      await reads(view, "Sent to the vendor");
      await said(view, "Ask the assistant for news of this video.");
      await said(view, "a fox in the snow");
      await page.waitForTimeout(2000);
      assert.deepEqual((await seen()).calls, []);
      assert.equal(await view.getByRole("button").count(), 0);
    },
  },

  // A server that does not answer for a while, and a host that hands on words alone.
  words_alone: {
    async play({ page, view, show }) {
      await page.evaluate(() => {
        let silent = 1;
        window.host.bend.check_video = ({ content }) => {
          if (silent--> 0) throw new Error("the server is away");
          return { content };
        };
      });
      await show(create("a fox in the snow"));
      await said(view, "No news from the server; it is asked again.");
      await reads(view, "Done");
      await plays(view);
    },
  },

  again: {
    async play({ page, view, show, seen }) {
      await show(create("a fox in the snow"));
      await reads(view, "Done");
      const button = view.getByRole("button", { name: "Again with changes" });
      await button.click();
      assert.equal(await button.getAttribute("aria-expanded"), "true");
      const wish = view.getByRole("textbox", { name: "What should be different?" });
      assert.ok(await wish.evaluate((w) => w === document.activeElement), "the field has the focus");
      await page.keyboard.press("Escape");
      assert.ok(await button.evaluate((b) => b === document.activeElement), "the focus goes back");
      await button.click();
      await wish.fill("at night");
      await page.keyboard.press("Control+Enter");
      await said(view, "It is in the chat.");
      const [message] = (await seen()).messages;
      assert.equal(message.role, "user");
      assert.match(message.content[0].text, /^Please make video \w{12} again \(model .*\) with these changes: at night\n/);
      assert.match(message.content[0].text, /a fox in the snow$/);
    },
  },

  list: {
    async play({ view, show }) {
      await show(create("sandbox: fail content_policy a <b>bold</b> fox"));
      await reads(view, "Failed");
      await view.getByRole("button", { name: "Latest videos" }).click();
      const rows = view.getByRole("region", { name: "Latest videos" }).getByRole("listitem");
      await rows.nth(1).waitFor();
      assert.equal(await rows.count(), 2);
      await said(view, "sandbox: fail content_policy a <b>bold</b> fox");
      await rows.getByRole("button", { name: /made before/ }).click();
      await reads(view, "Done");
      await plays(view);
      await said(view, "made before");
    },
  },

  keyboard: {
    async play({ page, view, show }) {
      await show(create("a fox in the snow"));
      await reads(view, "Done");
      await plays(view);
      const names = [];
      await film(view).focus();
      for (let n = 0; n < 14 && !names.includes("list"); n++) {
        await page.keyboard.press("Tab");
        const at = await view.locator("body").evaluate(() => {
          const on = document.activeElement;
          return { id: on.id, outlined: on.matches(":focus-visible") && getComputedStyle(on).outlineStyle !== "none" };
        });
        if (at.id && at.id !== "film" && names.at(-1) !== at.id) {
          names.push(at.id);
          assert.ok(at.outlined, `${at.id} shows no focus`);
        }
      }
      assert.deepEqual(names, ["save", "again", "list"]);
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
      assert.ok((await seen()).calls.length <= before + 1, "it goes on asking");
    },
  },

  cancelled: {
    async play({ view, show }) {
      await show(create("a fox", { host: { cancel: true } }));
      await reads(view, "The call was cancelled");
      await said(view, /goes on all the same/);
    },
  },

  picture_done: {
    async play(stage) {
      await stage.show(create("A red fox trots through fresh snow at dawn, breath steaming, shallow depth of field"));
      await reads(stage.view, "Done");
      await still(stage);
    },
  },

  picture_chinese: {
    async play(stage) {
      await stage.show(create("清晨，一只赤狐小跑穿过新雪，呼出白气，浅景深", { host: { context: { ...DARK, ...ZH } } }));
      await reads(stage.view, "已完成");
      await still(stage);
    },
  },

  picture_running: {
    async play({ page, view, show, known }) {
      await show(create("A paper boat drifts down a rainy street at night, neon reflections (sandbox: slow 60)", {
        host: { context: DARK },
      }));
      await reads(view, "Being made");
      await page.waitForTimeout(4000);
      await page.locator("iframe").screenshot({ path: known.picture });
    },
  },

  picture_unknown: {
    async play({ page, view, show, known }) {
      await show(create("A glass whale swims over a sleeping city (sandbox: lose-answer)"));
      await reads(view, "Outcome unknown");
      await view.getByRole("button", { name: "Latest videos" }).click();
      await view.getByRole("listitem").nth(2).waitFor();
      await page.locator("iframe").screenshot({ path: known.picture });
    },
  },
};

/** Take the picture of a finished film, in which no path of this machine stands. */
async function still({ page, view, known }) {
  await plays(view);
  await film(view).evaluate((v) => new Promise((r) => { v.onseeked = r; v.currentTime = 1.5; }));
  await view.locator("dd", { hasText: ".mp4" }).evaluate((dd) => {
    dd.textContent = dd.textContent.replace(/^.*\//, "/home/you/Videos/Seedance/");
  });
  await page.waitForTimeout(300);
  await page.locator("iframe").screenshot({ path: known.picture });
}
