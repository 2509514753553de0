import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../src/config.ts";

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
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
  const { services, configs } = parse(compose, { merge: true }) as Compose;

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

  it("gives Temporal's server the file it does not start without, and its schema tool is of the same version", () => {
    const given = services["temporal"]?.configs ?? [];
    expect(given.map(({ target }) => target)).toContain("/etc/temporal/config/dynamicconfig/docker.yaml");
    for (const { source } of given) expect(Object.values(parse(configs[source]!.content) as object)).toEqual([[{ value: true }]]);
    const versions = ["temporal-schema", "temporal", "temporal-namespace"].map(
      (name) => /:(\d+\.\d+\.\d+)$/.exec(services[name]!.image)?.[1],
    );
    expect(new Set(versions).size).toBe(1);
    expect(versions[0]).toBeDefined();
  });

  it("asks for health by address: a name may be that of another one than what listens", () => {
    for (const { healthcheck } of Object.values(services)) expect(healthcheck?.test.join(" ") ?? "").not.toContain("localhost");
  });
});

/** What `npm run build` compiles. */
const { include: COMPILED } = JSON.parse(await readFile(new URL("../tsconfig.json", import.meta.url), "utf8")) as { include: string[] };

describe("the Dockerfile", () => {
  it("copies from the repository only what its list lets in, and that has no secrets", async () => {
    const [dockerfile, list] = [await read("Dockerfile"), await read("Dockerfile.dockerignore")];
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources!.split(" "));
    const lines = list.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines[0]).toBe("*");
    for (const path of copied) expect(lines).toContain(`!${path}`);
    expect(copied).toEqual(expect.arrayContaining(COMPILED));
    // The secrets lie beside this file.
    expect(lines.at(-1)).toBe("src/deploy");
  });
});
