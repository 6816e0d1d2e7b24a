import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

// The files that the page is built from. page_test.go has the same list.
const sources = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.js", ...readdirSync("src").map((f) => "src/" + f)];

// Returns a hash of the sources, in the format of sha256sum. The page contains it, and a
// test compares it with the sources.
function sum() {
  const sha256 = (data) => createHash("sha256").update(data).digest("hex");
  return sha256(sources.sort().map((f) => `${sha256(readFileSync(f))}  ${f}\n`).join(""));
}

// Puts scripts and styles into the page, so that it is one file.
const inline = {
  name: "inline",
  enforce: "post",
  generateBundle(_, bundle) {
    const page = bundle["index.html"];
    const take = (name) => {
      const item = bundle[name];
      delete bundle[name];
      return (item.code ?? item.source).trim();
    };
    page.source = page.source
      .replace(/<script type="module"[^>]*src="\.\/([^"]+)"><\/script>/, (_, name) => `<script type="module">${take(name).replaceAll("</script", "<\\/script")}</script>`)
      .replace(/<link rel="stylesheet"[^>]*href="\.\/([^"]+)">/, (_, name) => `<style>${take(name)}</style>`)
      .replace("SOURCES", sum());
  },
};

export default defineConfig({
  base: "./",
  plugins: [inline],
  build: { target: "es2022", cssCodeSplit: false, modulePreload: false, assetsInlineLimit: 1 << 20 },
});
