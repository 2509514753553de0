import { createRequire } from "node:module";

/** Version of this package. `package.json` stands one folder up as source, two as built. */
export const VERSION: string = (createRequire(import.meta.url)("postern/package.json") as { version: string }).version;
