import { compactVerify, importJWK, type JWK } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LETTER, type Mailbox, OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());
beforeEach(() => {
  world.peer.taken.length = 0;
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function submit({ id, agent }: Mailbox, more: object = {}): Promise<Answer> {
  const answer = await world.request("POST", `/v1/mailboxes/${id}/send`, { ...LETTER, ...more }, agent.key);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer["body"] };
}

async function draftsOf({ id, agent }: Mailbox): Promise<number> {
  return (await agent.get<{ items: readonly unknown[] }>(`/v1/mailboxes/${id}/drafts`)).items.length;
}

/** Submitted, and gone before anything else is tried. */
async function leaves(mailbox: Mailbox): Promise<void> {
  const { status, body } = await submit(mailbox);
  expect(status).toBe(200);
  expect(await world.ended({ id: body["id"] as `drf_${string}` })).toEqual({ state: "sent" });
}

const OTHER = "eve@blocked.example";

describe("nothing reaches the relay", () => {
  it.each(["to", "cc", "bcc"])("NY-08 NY-09 when one of `%s` is blocked: 403, for whom, and no sent message", async (field) => {
    const mailbox = await world.mailbox("autonomous", { block: ["blocked.example"] });
    const { status, body } = await submit(mailbox, { to: LETTER.to, [field]: [OTHER, "ann@elsewhere.example"] });
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: "blocked", reason: "block_list" });
    expect(JSON.stringify(body)).toContain(OTHER);
    const { items } = await mailbox.agent.get<{ items: readonly unknown[] }>(`/v1/mailboxes/${mailbox.id}/messages?direction=outbound`);
    expect(items).toEqual([]);
    expect(world.peer.taken).toEqual([]);
  });

  it("NY-20 when somebody is not on the list of those who may be written to; an empty list is nobody, `*` is everybody", async () => {
    const [some, nobody, everybody] = [
      await world.mailbox("autonomous", { allow: ["*.elsewhere.example"] }),
      await world.mailbox("autonomous", { allow: [] }),
      await world.mailbox("autonomous", { allow: ["*"] }),
    ];
    expect((await submit(some, { to: [OTHER] })).body).toMatchObject({ code: "blocked", reason: "allow_list" });
    expect((await submit(nobody)).body).toMatchObject({ code: "blocked", reason: "allow_list" });
    expect(world.peer.taken).toEqual([]);
    for (const mailbox of [some, everybody]) await leaves(mailbox);
  });

  it("PB-06 NY-13 over the cap: 429 with when to come again, and no row", async () => {
    const mailbox = await world.mailbox("autonomous", { perHour: 1 });
    await leaves(mailbox);
    const { status, headers, body } = await submit(mailbox);
    expect(status).toBe(429);
    expect(body).toMatchObject({ code: "too_many_requests", reason: "send_limit_per_hour" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(3_000);
    expect(headers.get("ratelimit")).toContain('"hour";r=0');
    expect(await draftsOf(mailbox)).toBe(1);
  });
});

describe("also in `autonomous` people are asked", () => {
  it("NY-21 before the first mail to a domain; once they agreed, no more", async () => {
    const mailbox = await world.mailbox("autonomous", { firstContact: "approve" });
    const { status, body } = await submit(mailbox);
    expect([status, body["reason"]]).toEqual([202, "first_contact"]);
    const overseer = await world.person(["oversight"]);
    await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${String(body["id"])}`, { action: "approve" });
    expect(await world.ended({ id: body["id"] as `drf_${string}` })).toEqual({ state: "sent" });
    await leaves(mailbox);
  });

  it("X-11 about a secret, and shown a piece of it that is of no use", async () => {
    const mailbox = await world.mailbox("autonomous");
    const { status, body } = await submit(mailbox, { markdown: "The card is 4111 1111 1111 1111." });
    expect([status, body["reason"]]).toEqual([202, "secret_found"]);
    const overseer = await world.person(["oversight"]);
    const { findings } = await overseer.get<{ findings: readonly { redacted?: string }[] }>(`/v1/pending/${String(body["id"])}`);
    expect(findings.some(({ redacted }) => redacted?.includes("•"))).toBe(true);
    expect(findings.some(({ redacted }) => redacted?.replaceAll(/\D/g, "").includes("4111111111111111"))).toBe(false);
    expect(world.peer.taken).toEqual([]);
  });
});

describe("what leaves", () => {
  const field = (content: string, name: string): string | undefined =>
    new RegExp(`^${name}:((?:.*)(?:\\r\\n[ \\t].*)*)`, "m").exec(content)?.[1];

  it.each(["autonomous", "gated_send"] as const)(
    "MM-06 MM-18 X-26 from a mailbox in mode %s says so, signed and disclosed",
    async (mode) => {
      const mailbox = await world.mailbox(mode);
      const { body } = await submit(mailbox);
      if (mode === "gated_send") {
        const overseer = await world.person(["oversight"]);
        await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${String(body["id"])}`, { action: "approve" });
      }
      expect(await world.ended({ id: body["id"] as `drf_${string}` })).toEqual({ state: "sent" });
      const { content } = world.peer.taken[0]!;
      const jwk = (await (await world.request("GET", "/.well-known/postern-signing-key", undefined)).json()) as JWK;
      const token = field(content, "Postern-Identity")!.replaceAll(/\s/g, "");
      const { payload } = await compactVerify(token, await importJWK(jwk, "ES256"));
      expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
        oversight: mode,
        from: mailbox.address,
        operator: "acme.example",
      });
      expect(field(content, "AI-Disclosure")).toBeDefined();
      expect(content).toMatch(/^DKIM-Signature: /);
    },
  );
});
