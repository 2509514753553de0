import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Path from the root and text of every source file of the product. */
const sources = new Map<string, string>();

beforeAll(async () => {
  for (const folder of ["src", "policies", "workflows", "activities"]) {
    for (const entry of await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.m?ts$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      sources.set(relative(ROOT, path), await readFile(path, "utf8"));
    }
  }
});

/** Files with a place that `pattern` fits, each as often as it does. */
function placesOf(pattern: RegExp): string[] {
  return [...sources].flatMap(([path, text]) => Array.from(text.matchAll(pattern), () => path)).toSorted();
}

function filesOf(pattern: RegExp): string[] {
  return [...new Set(placesOf(pattern))];
}

describe("NY-15 one guarded function is the only path by which mail leaves", () => {
  it("a transport is asked to send in one place", () => {
    expect(placesOf(/transport\)?\??\.send\b/gi)).toEqual(["activities/send.ts"]);
  });

  it("transports are made in one place, and nobody else runs code of theirs", () => {
    expect(placesOf(/(?<!function )\bcreate(SmtpTransport|Sandbox)\(/g)).toEqual(["src/transport.ts", "src/transport.ts"]);
    const runs = /import (?!type)(?:(?!import)[^;])*? from "[^"]*\/transports\/(?!relay\.ts)[^"]*"/g;
    expect(filesOf(runs)).toEqual(["src/transport.ts"]);
  });

  it("nobody else opens connections, but to this instance itself and to Temporal", () => {
    const talks = /\b(?:net|tls)\.(?:connect|createConnection)\(|\b(?:http|https)\.request\(|new (?:net\.|tls\.TLS)?Socket\(/g;
    expect(filesOf(talks).filter((path) => !path.startsWith("src/transports/smtp/"))).toEqual([]);
    const connects = filesOf(/import \{[^}]*\b(?:connect|createConnection)\b[^}]*\} from "node:(?:net|tls)"/g);
    const own = ["src/cli/doctor/ports.ts", "src/cli/doctor/temporal.ts", "src/cli/smtp.ts", "src/smtp/socket-file.ts"];
    expect(connects.filter((path) => !path.startsWith("src/dev/") && !own.includes(path))).toEqual([]);
  });

  it("HTTP goes to hosts of others from one place, which looks at every address", () => {
    expect(filesOf(/from "undici"/g)).toEqual(["src/net/post.ts"]);
    expect(filesOf(/\bcreatePost\(/g)).toEqual(["src/net/post.ts", "src/outbound.ts"]);
  });

  it("nodemailer makes no connection of its own", () => {
    expect(filesOf(/nodemailer\/lib\/(?:smtp|ses|sendmail|stream)|createTransport\(\{|nodemailer\.createTransport/g)).toEqual([]);
  });

  it("what a transport is given before and after is the store's compare-and-set, from the same place", () => {
    for (const operation of ["open", "claim", "record"]) {
      expect(filesOf(new RegExp(`\\.run\\("sends\\.${operation}"`, "g"))).toEqual(["activities/send.ts"]);
    }
  });
});
