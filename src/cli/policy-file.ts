import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { MailPolicy } from "../../policies/schema.ts";
import { PosternError } from "../model/errors.ts";
import type { Files } from "./deps.ts";

/**
 * A policy document: `.yaml`, `.yml` and `.json` are read, the default export of a module (`.ts`, `.mts`, `.js`, `.mjs`)
 * is imported. Threat: a module runs with the rights of whoever checks it; data does not.
 *
 * Throws `invalid_policy` with every problem, `invalid_request` for what is no document at all.
 */
export async function readPolicyFile(files: Files, path: string): Promise<MailPolicy> {
  const { parsePolicy } = await import("../../policies/load.ts");
  switch (extname(path).toLowerCase()) {
    case ".json":
      return parsePolicy(await readText(files, path), "json");
    case ".yaml":
    case ".yml":
      return parsePolicy(await readText(files, path), "yaml");
    case ".ts":
    case ".mts":
    case ".js":
    case ".mjs":
      return importPolicy(files, path);
    default:
      throw new PosternError("invalid_request", `\`${path}\` is no policy document`, { fix: "name a .yaml, .json or .ts file" });
  }
}

async function readText(files: Files, path: string): Promise<string> {
  try {
    return (await files.read(path)).toString("utf8");
  } catch (cause) {
    throw unreadable(path, (cause as NodeJS.ErrnoException).code ?? "unknown", cause);
  }
}

async function importPolicy(files: Files, path: string): Promise<MailPolicy> {
  const { definePolicy } = await import("../../policies/define.ts");
  // First, for what an import says of an absent file is also what it says of one that the document imports.
  await readText(files, path);
  const module = await importModule(path);
  // Normal form again: nobody is kept from exporting a plain object.
  if (module.default !== undefined) return definePolicy(module.default as Parameters<typeof definePolicy>[0]);
  throw new PosternError("invalid_policy", `\`${path}\` has no default export`, { fix: "write `export default definePolicy({ … })`" });
}

async function importModule(path: string): Promise<{ readonly default?: unknown }> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof PosternError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_policy", `\`${path}\` cannot be loaded: ${message.split("\n")[0] ?? ""}`, { fix: fixOf(code), cause });
  }
}

function fixOf(code: string | undefined): string {
  return code === "ERR_MODULE_NOT_FOUND"
    ? "install what it imports beside it (`postern` in a clone: `npm run build`), or write the policy as YAML or JSON"
    : "run it with `node` to see where";
}

function unreadable(path: string, code: string, cause: unknown): PosternError {
  return new PosternError("invalid_request", `\`${path}\` cannot be read (${code})`, { fix: "check the path and its permissions", cause });
}
