import { readFile, stat } from "node:fs/promises";
import { createZoneResolver, dnsError, type Resolver } from "../mail/dns.ts";

/**
 * The zone of `POSTERN_DNS_ZONE`, as it is at the time of each look-up, so that a record can change under a running
 * instance. While the file cannot be read, every look-up fails for now.
 */
export function createZoneFileResolver(path: string): Resolver {
  let read: { readonly version: string; readonly resolve: Resolver } | null = null;
  return async (name, type) => {
    const version = await versionOf(path);
    if (read?.version !== version) read = { version, resolve: await load(path) };
    return read.resolve(name, type);
  };
}

async function versionOf(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true }).catch(unreadable);
  return `${mtimeNs} ${size} ${ino}`;
}

async function load(path: string): Promise<Resolver> {
  return createZoneResolver(JSON.parse(await readFile(path, "utf8").catch(unreadable)));
}

function unreadable(): never {
  throw dnsError("ETIMEOUT");
}
