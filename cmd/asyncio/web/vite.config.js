import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

// What the page is built of. page_test.go has the same list.
const sources = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.js", ...readdirSync("src").map((f) => "src/" + f)];

// The page tells what it was built of, in the way of sha256sum: a test compares that with the sources.
function sum() {
  const sha256 = (data) => createHash("sha256").update(data).digest("hex");
  return sha256(sources.sort().map((f) => `${sha256(readFileSync(f))}  ${f}\n`).join(""));
}

// One file: scripts and styles go into the page.
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
