import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { openDkimKey } from "../../src/grants/dkim-key.ts";
import { identityKey } from "../../src/grants/identity-key.ts";
import { createSealer } from "../../src/grants/seal.ts";
import type { Seal } from "../../src/mail/composer.ts";
import { openReader } from "../../src/store/sqlite/open.ts";
import { cli } from "../cli/rig.ts";
import { LETTER, NOON, seal, sealed } from "../mail/sealed.ts";
import { Instance } from "../support/instance.ts";

const SENDER = "assistant@acme.example";
const RECIPIENT = "desk@partner.example";
const PEER = "192.0.2.1";

interface Domain {
  readonly domain: string;
  readonly state: string;
  readonly records: readonly { readonly purpose: string; readonly name: string; readonly value: string; readonly status?: string }[];
}

let postern: Instance;
let domain: Domain;
beforeAll(async () => {
  postern = await Instance.start({ env: { POSTERN_TRUSTED_RELAYS: "127.0.0.1" } });
  const rule = { match: { domain: "acme.example", requireDkim: true, requireDmarc: true }, capabilities: ["mail.reply"] };
  await postern.mailbox(RECIPIENT, definePolicy({ senders: [rule], defaultAction: "bounce" }));
  domain = await postern.http.send<Domain>("POST", "/v1/domains", { domain: "acme.example" });
});
afterAll(() => postern.close());

/** With the instance's own keys, as its worker opens them. */
async function ownSeal(): Promise<Seal> {
  const secret = (await readFile(join(postern.dataDir, "secret.key"), "utf8")).trim();
  const sealer = createSealer(secret, () => new Uint8Array());
  const sqlite = openReader(join(postern.dataDir, "postern.db"));
  const identitySeed = sqlite.prepare("select sealed from secrets where name = 'identity-key'").get() as { sealed: string };
  const key = sqlite.prepare("select selector, sealed from dkim_keys where domain = 'acme.example'").get() as {
    selector: string;
    sealed: string;
  };
  sqlite.close();
  const identity = identityKey(sealer.open("identity-key", identitySeed.sealed))!;
  return {
    ...seal(),
    at: Date.now(),
    dkim: { domain: "acme.example", selector: key.selector, private_key: openDkimKey(sealer, "acme.example", key) },
    identity: { ...seal().identity, private_key: identity.private_key, kid: identity.kid },
  };
}

const deliver = (bytes: Buffer) => postern.deliver({ sender: SENDER, recipient: RECIPIENT, ip: PEER, bytes });
const publish = ({ records }: Domain) => postern.publish(Object.fromEntries(records.map(({ name, value }) => [name, { TXT: [value] }])));

it("PB-01 MB-19 MM-19 mail signed with a claimed domain's key passes at a gate that sees its DNS, and strangers can check who vouches for it", async () => {
  const raw = sealed(await ownSeal());
  expect(await postern.http.send<Domain>("POST", "/v1/domains/acme.example/verify", {})).toMatchObject({ state: "unverified" });
  expect((await deliver(raw)).code).toBe(550);
  await publish(domain);
  const verified = await postern.http.send<Domain>("POST", "/v1/domains/acme.example/verify", {});
  expect(verified).toMatchObject({ state: "verified" });
  expect(verified.records.map(({ purpose, status }) => `${purpose} ${status}`)).toEqual(["dkim ok", "spf ok", "dmarc ok"]);
  const again = sealed({ ...(await ownSeal()), at: NOON });
  expect((await deliver(again)).code).toBe(250);
  const checked = await cli(["identity", "verify", "-", "--url", postern.running.http, "--json"], { stdin: again });
  expect(checked).toMatchObject({ code: 0, json: { verdict: "valid", claims: { from: SENDER, operator: "Acme" } } });
  expect(again.toString()).toContain(LETTER.cc[0]);
});
