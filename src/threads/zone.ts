import { readFileSync, statSync } from "node:fs";
import { createZoneResolver, dnsError, type Resolver } from "../mail/dns.ts";

/**
 * The zone of `POSTERN_DNS_ZONE`, as it is at the time of each look-up, so that a record can change under a running
 * instance. While the file cannot be read, every look-up fails for now.
 */
export function createZoneFileResolver(path: string): Resolver {
  let read: { readonly version: string; readonly resolve: Resolver } | null = null;
  return async (name, type) => {
    const version = orTimeout(() => versionOf(path));
    if (read?.version !== version) read = { version, resolve: load(path) };
    return read.resolve(name, type);
  };
}

// Blocking, as asking the thread pool at every look-up would cost many times what the file system does.
function versionOf(path: string): string {
  const { mtimeNs, size, ino } = statSync(path, { bigint: true });
  return `${mtimeNs} ${size} ${ino}`;
}

function load(path: string): Resolver {
  return createZoneResolver(JSON.parse(orTimeout(() => readFileSync(path, "utf8"))));
}

function orTimeout(read: () => string): string {
  try {
    return read();
  } catch {
    throw dnsError("ETIMEOUT");
  }
}
