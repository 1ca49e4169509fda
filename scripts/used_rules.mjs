// Prints the rules of a stylesheet that can apply to what the given files contain.
// node used_rules.mjs SHEET FILES SAFE: FILES is a JSON list of paths, SAFE one of patterns or names to keep.
import { readFileSync } from "node:fs";
import { PurgeCSS } from "purgecss";

const [sheet, files, safe] = process.argv.slice(2);
const standard = JSON.parse(safe).map((one) => (one.startsWith("/") ? new RegExp(one.slice(1, -1)) : one));
const [result] = await new PurgeCSS().purge({
  content: JSON.parse(files),
  css: [{ raw: readFileSync(sheet, "utf8") }],
  // every word of a template, a script or a Python file may be a class
  defaultExtractor: (content) => content.match(/[A-Za-z0-9_-]+/g) ?? [],
  safelist: { standard },
  keyframes: true,
  fontFace: true,
});
process.stdout.write(result.css);
