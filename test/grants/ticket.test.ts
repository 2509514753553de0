import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTickets } from "../../src/grants/ticket.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import type { OutboundInput } from "../../src/model/outbound.ts";
import type { Ticketed, TicketedType } from "../../src/model/ticket.ts";
import { newId } from "../store/samples.ts";

const SECRET = "a secret key of thirty-two characters or more";
const TYPES: readonly TicketedType[] = [
  WORKFLOW.inboundMessage,
  WORKFLOW.inboundMessages,
  WORKFLOW.outboundMessage,
  "posternVerify",
  "posternGuard",
];

const MAIL: InboundInput = {
  ...{ tenant: newId("ten"), mailbox: newId("mbx"), message: newId("msg"), ref: { digest: "0a".repeat(32), size: 512 } },
  envelope: { ip: "192.0.2.1", helo: "mx.example", sender: "böss@acme.example", recipient: "assistant@acme.example" },
  ...{ received_at: 1_790_000_000_000, source: "parsed" },
  attested: { spf: "pass", dkim: "none", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: false } },
};

const DRAFT: OutboundInput = {
  ...{ tenant: newId("ten"), mailbox: newId("mbx"), draft: newId("drf"), message: newId("msg"), thread: newId("thr") },
  ...{ kind: "draft", source: { digest: "0b".repeat(32), size: 99 }, author: newId("key"), in_reply_to: null },
  ...{ submitted_at: 1_790_000_000_000, send_at: null },
};

/** As another process gets it. */
function carried<T>(data: T): T {
  return JSON.parse(JSON.stringify(data)) as T;
}

/** Every path to something that is no object. */
function leavesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]));
}

function withValue<T>(data: T, path: readonly string[], value: unknown): T {
  const [key, ...rest] = path;
  if (key === undefined) return value as T;
  return { ...data, [key]: withValue((data as Record<string, unknown>)[key], rest, value) };
}

function valueAt(data: unknown, path: readonly string[]): unknown {
  return path.reduce((value, key) => (value as Record<string, unknown>)[key], data);
}

function changed(value: unknown): unknown {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number") return value + 1;
  return value === null ? 1 : !value;
}

/** The same with its keys the other way round, at every depth. */
function reversed<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, reversed(item as unknown)] as const);
  return Object.fromEntries(entries.toReversed()) as T;
}

/** One that has signed nothing: what it accepts it has looked at. */
const other = () => createTickets(SECRET);

describe("a ticket", () => {
  const tickets = createTickets(SECRET);

  it.each<[TicketedType, object]>([
    [WORKFLOW.inboundMessage, MAIL],
    [WORKFLOW.outboundMessage, DRAFT],
  ])(
    "of %s says that an instance with this secret key made the input, whichever process asks and however it was carried",
    (type, input) => {
      const made = carried(tickets.sign(type, input));
      for (const asked of [tickets, other()]) for (const given of [made, reversed(made)]) expect(asked.check(type, given)).toEqual(input);
    },
  );

  it("is the same for the same input, so that what was lost is started with it again", () => {
    expect(other().sign(WORKFLOW.outboundMessage, reversed(DRAFT))).toEqual(tickets.sign(WORKFLOW.outboundMessage, DRAFT));
  });

  it("is an HMAC-SHA-256 over version, type and the canonical JSON, under a key of its own", () => {
    const key = Buffer.from(hkdfSync("sha256", SECRET, "", "postern-ticket-v1", 32));
    const text = 'postern-ticket-v1\n{"data":{"a":[1,null],"b":"ü"},"type":"outboundMessage"}';
    const ticket = createHmac("sha256", key).update(text).digest("base64url");
    expect(tickets.sign("outboundMessage", { b: "ü", a: [1, null] })).toEqual({ b: "ü", a: [1, null], ticket });
  });

  it.each<[TicketedType, object]>([
    [WORKFLOW.inboundMessage, MAIL],
    [WORKFLOW.outboundMessage, DRAFT],
  ])("of %s is none when any field is another, is missing or is too many", (type, input) => {
    const made = tickets.sign(type, input);
    const paths = leavesOf(input);
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) {
      for (const value of [changed(valueAt(input, path)), undefined, {}, []]) {
        const forged = carried(withValue(made, path, value));
        for (const asked of [tickets, other()]) expect(asked.check(type, forged), path.join(".")).toBeNull();
      }
    }
    for (const more of ["kind2", "__proto__"]) {
      const forged = JSON.parse(JSON.stringify(made).replace("{", `{"${more}":1,`)) as typeof made;
      for (const asked of [tickets, other()]) expect(asked.check(type, forged)).toBeNull();
    }
  });

  it("is none for another type, nor under another secret key", () => {
    for (const type of TYPES) {
      const made = tickets.sign(type, MAIL);
      for (const asked of TYPES) expect(tickets.check(asked, made) === null).toBe(asked !== type);
      expect(tickets.check("upkeep", made)).toBeNull();
      expect(createTickets(`${SECRET}!`).check(type, made)).toBeNull();
    }
  });

  it("is none when any of its characters is another", () => {
    const made = tickets.sign(WORKFLOW.inboundMessage, MAIL);
    fc.assert(
      fc.property(fc.nat(made.ticket.length - 2), fc.constantFrom("A", "B", "_", "=", "é", "\0"), (at, character) => {
        fc.pre(made.ticket[at] !== character);
        const ticket = made.ticket.slice(0, at) + character + made.ticket.slice(at + 1);
        expect(tickets.check(WORKFLOW.inboundMessage, { ...made, ticket })).toBeNull();
      }),
    );
  });

  it.each([
    ["nothing", null],
    ["a text", "inboundMessage"],
    ["a list", [MAIL]],
    ["no ticket", MAIL],
    ["an empty ticket", { ...MAIL, ticket: "" }],
    ["a ticket that is no text", { ...MAIL, ticket: { length: 43 } }],
    ["a ticket of other letters", { ...MAIL, ticket: "é".repeat(43) }],
    ["a lone surrogate", { ...MAIL, message: "\ud800", ticket: "A".repeat(43) }],
    ["depths", JSON.parse(`{"ticket":"${"A".repeat(43)}","deep":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
  ])("is not found in %s, and nothing is thrown", (_, given) => {
    for (const type of TYPES) expect(tickets.check(type, given as Ticketed<object>)).toBeNull();
  });

  it("is still known after thousands of others", () => {
    const first = tickets.sign(WORKFLOW.inboundMessage, MAIL);
    for (let count = 0; count < 3_000; count += 1) tickets.sign(WORKFLOW.inboundMessage, { ...MAIL, received_at: count });
    expect(tickets.check(WORKFLOW.inboundMessage, first)).toEqual(MAIL);
  });
});
