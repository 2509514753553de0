import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../src/config.ts";

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
}

const compose = await read("compose.yaml");
const page = await read("production.md");

function read(name: string): Promise<string> {
  return readFile(new URL(`../src/deploy/${name}`, import.meta.url), "utf8");
}

/** What `${NAME:?…}` and `${NAME:-…}` become, as Compose puts them in once it has read the file. */
function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(\w+):([-?])([^}]*)\}/g,
    (_, name: string, sign: string, rest: string) => values[name] ?? (sign === "-" ? rest : fail(name)),
  );
}

function fail(name: string): never {
  throw new Error(`nothing is said of ${name}`);
}

/** As the page tells to make them. */
const SECRETS = {
  POSTGRES_PASSWORD: "a".repeat(40),
  POSTERN_DB_PASSWORD: "b".repeat(40),
  BUCKET_SECRET: "c".repeat(40),
  POSTERN_SECRET_KEY: Buffer.alloc(32, 5).toString("base64"),
  POSTERN_ADMIN_KEY: `pst_live_${"d".repeat(40)}`,
};

describe("the Compose file", () => {
  const { services } = parse(compose, { merge: true }) as { services: Readonly<Record<string, Service>> };

  it.each(["gateway", "worker"])("X-30 starts a %s whose settings are understood and enough", (role) => {
    const entries = Object.entries(services[role]?.environment ?? {}).map(([name, value]) => [name, filled(value, SECRETS)]);
    const config = loadConfig(Object.fromEntries(entries) as Record<string, string>);
    expect(config.role).toBe(role);
    expect(config.blobs).toMatchObject({ endpoint: "http://bucket:7070", bucket: "postern", prefix: "mail/" });
    expect(config.temporal.kind).toBe("external");
  });

  it("holds no secret, and asks for each by a name that the page makes", () => {
    const asked = new Set([...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!));
    expect([...asked].toSorted()).toEqual(Object.keys(SECRETS).toSorted());
    for (const name of asked) expect(page).toContain(`${name}=`);
  });
});
