import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * What is fetched, built or compiled once per machine: `$XDG_CACHE_HOME/postern`, default `~/.cache/postern`. XDG Base
 * Directory Specification: a relative path is to be ignored.
 */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const set = env["XDG_CACHE_HOME"];
  const home = set !== undefined && isAbsolute(set) ? set : join(env["HOME"] ?? homedir(), ".cache");
  return join(home, "postern");
}
