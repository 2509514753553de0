import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRig, type Rig } from "../http/rig.ts";
import { KEY, newIdentityKey, seal, sealed } from "../mail/sealed.ts";
import { cli, errorOf, type Ran, type RunOptions } from "./rig.ts";

let folder: string;
let rig: Rig;
let server: Server;
let base: string;
/** What the server answers by path. */
const answers = new Map<string, { status?: number; body: string; location?: string }>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-identity-"));
  rig = await startRig();
  server = createServer(({ url = "" }, response) => {
    const { status = 404, body = "", location } = answers.get(url) ?? {};
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rig.stop();
  await rm(folder, { recursive: true });
});

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const verify = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> => cli(["identity", "verify", ...argv], options);
const altered = (): Buffer => Buffer.from(sealed().toString("latin1").replace("ear boss", "ear loss"), "latin1");

describe("identity verify", () => {
  it("MM-19 works offline with a key from a file, a set, or the command line", async () => {
    const mail = await file("good.eml", sealed());
    const places = [
      await file("key.json", JSON.stringify(KEY.jwk)),
      await file("set.json", JSON.stringify({ keys: [newIdentityKey().jwk, KEY.jwk] })),
      JSON.stringify({ ...KEY.jwk, kid: undefined }),
    ];
    const fetch = () => Promise.reject(new Error("nothing is fetched"));
    for (const key of places) {
      const found = await verify([mail, "--key", key], { deps: { fetch } });
      expect(found, found.err).toMatchObject({ code: 0, err: "" });
      expect(found.out).toMatch(/^identity +valid: .*\n/);
      expect(found.out).toMatch(/\noperator +Acme \(verified\)\n/);
      expect(found.out).toMatch(/\noversight +gated_send\ncapabilities +mail\.send\n/);
    }
  });

  it("MM-19 says what was changed, and is 1", async () => {
    const key = await file("key.json", JSON.stringify(KEY.jwk));
    const found = await verify([await file("altered.eml", altered()), "--key", key]);
    expect(found.code).toBe(1);
    expect(found.out).toMatch(/^identity +NOT VALID: .*\ndiffers +body\n/);
    const json = await verify([join(folder, "altered.eml"), "--key", key, "--json"]);
    expect(json).toMatchObject({ code: 1, json: { verdict: "altered", parts: ["body_sha256"], kid: KEY.kid } });
  });

  it("tells forged, unknown and absent apart: each is 1", async () => {
    const key = JSON.stringify(KEY.jwk);
    const theirs = newIdentityKey();
    const forged = sealed({ identity: { ...seal().identity, private_key: theirs.private_key } });
    const unknown = sealed({ identity: { ...seal().identity, private_key: theirs.private_key, kid: theirs.kid } });
    for (const [raw, words] of [
      [forged, /NOT VALID: the key of that name did not sign it/],
      [unknown, /not known: signed by none of these keys/],
      [Buffer.from("From: a@b.example\r\n\r\nhello"), /none: the message has no identity header/],
    ] as const) {
      const found = await verify(["-", "--key", key], { stdin: raw });
      expect(found.code).toBe(1);
      expect(found.out).toMatch(words);
    }
  });

  it("a file with LF line ends is the message it was", async () => {
    const found = await verify(["-", "--key", JSON.stringify(KEY.jwk)], { stdin: sealed().toString("latin1").replaceAll("\r\n", "\n") });
    expect(found).toMatchObject({ code: 0 });
  });

  it("MM-19 fetches the key from a URL, from the origin's well-known place, and from this environment's service", async () => {
    answers.set("/acme.json", { status: 200, body: JSON.stringify(KEY.jwk) });
    answers.set("/.well-known/jwks.json", { status: 200, body: JSON.stringify({ keys: [KEY.jwk] }) });
    for (const url of [`${base}/acme.json`, base, `${base}/`])
      expect(await verify(["-", "--url", url], { stdin: sealed() })).toMatchObject({ code: 0 });
    const ours = sealed({ identity: { ...seal().identity, ...(await serviceKey()) } });
    expect(await verify(["-"], { stdin: ours, env: { POSTERN_URL: rig.base } })).toMatchObject({ code: 0 });
    expect(await verify(["-"], { stdin: sealed(), env: { POSTERN_URL: rig.base } })).toMatchObject({ code: 1 });
  });

  it("what is no key, or cannot be had, is said with a way out", async () => {
    answers.set("/large", { status: 200, body: " ".repeat(70_000) });
    answers.set("/moved", { status: 302, body: "", location: "/acme.json" });
    answers.set("/html", { status: 200, body: "<html>" });
    const mail = await file("good.eml", sealed());
    for (const [argv, code] of [
      [["--url", `${base}/none`], 3],
      [["--url", `${base}/large`], 3],
      [["--url", `${base}/moved`], 3],
      [["--url", "http://127.0.0.1:1"], 3],
      [["--url", `${base}/html`], 2],
      [["--url", "ftp://b.example"], 2],
      [["--key", "{}"], 2],
      [["--key", JSON.stringify({ ...KEY.jwk, crv: "P-384" })], 2],
      [["--key", join(folder, "nothing.json")], 2],
      [["--key", "{}", "--url", base], 2],
    ] as const) {
      const ran = await verify([mail, ...argv, "--json"]);
      expect([argv, ran.code]).toEqual([argv, code]);
      expect(errorOf(ran).fix).toBeTruthy();
    }
    expect(errorOf(await verify([join(folder, "gone.eml"), "--key", "{}", "--json"]))).toMatchObject({ code: "invalid_request" });
  });

  /** As the instance of the rig signs. */
  async function serviceKey(): Promise<{ private_key: string; kid: string }> {
    const { identityKey } = await import("../../src/grants/identity-key.ts");
    const sealedSeed = await rig.store.run("secrets.get", { name: "identity-key" });
    const { private_key, kid } = identityKey(rig.deps.sealer.open("identity-key", sealedSeed!))!;
    return { private_key, kid };
  }
});
