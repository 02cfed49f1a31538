// Scans the host that the first argument names, on its ports 80 and 443, and prints the result.
import { existsSync, writeFileSync } from "node:fs";
import { scan } from "@mdn/mdn-http-observatory";

// The list of preloaded hosts would be downloaded when the package is installed. None of ours is on it.
const preloaded = new URL("node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json", import.meta.url);
if (!existsSync(preloaded)) {
  writeFileSync(preloaded, "{}");
}

console.log(JSON.stringify(await scan(process.argv[2])));
