// Compiles PHP files with PHP's oldest and newest version that the plugin runs on: node parse.mjs FILE…
// A file of the plugin ends at its first line when it is called by itself, so nothing of it runs.
import { readFileSync } from "node:fs";
import { loadPHPRuntime, PHP } from "@php-wasm/universal";

const versions = { "7.4": "@php-wasm/node-7-4", "8.5": "@php-wasm/node-8-5" };
let faults = 0;
for (const [version, name] of Object.entries(versions)) {
  const { getPHPLoaderModule } = await import(name);
  const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule()));
  const real = (await php.run({ code: "<?php echo PHP_VERSION;" })).text;
  for (const file of process.argv.slice(2)) {
    php.writeFile("/file.php", readFileSync(file));
    let said;
    try {
      const run = await php.run({
        code: "<?php error_reporting( -1 ); ini_set( 'display_errors', '1' ); include '/file.php';",
      });
      said = run.text + run.errors;
    } catch (error) {
      said = String(error.response?.text || error);
    }
    if (said.trim()) {
      faults += 1;
      console.log(`PHP ${version}: ${file}: ${said.trim()}`);
    }
  }
  console.log(`PHP ${real}: ${process.argv.length - 2} files compiled`);
  php.exit();
}
process.exit(faults ? 1 : 0);
