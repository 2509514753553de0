import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { EXIT } from "../../src/cli/exit.ts";
import { answerWith, Receiver } from "../channels/receiver.ts";
import { ADMIN_KEY, startRig, type Rig } from "../http/rig.ts";
import { cli, type Ran } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const run = (...argv: string[]): Promise<Ran> => cli(argv, { env: { POSTERN_URL: rig.base, POSTERN_ADMIN_KEY: ADMIN_KEY } });

it("PB-14 MB-15 a webhook from its making to its end, by the command line", async () => {
  const { address } = await rig.mailbox();
  const made = await run("webhooks", "create", "https://agent.example.com/mail", "--description", "mine", "--json");
  const { id, secret } = made.json;
  expect(secret).toMatch(/^whsec_/);
  const shown = await run("webhooks", "show", id);
  expect(shown.out).toContain("https://agent.example.com/mail");
  expect(shown.out).not.toContain(secret);
  expect((await run("webhooks", "list")).out).toContain(id);
  const rotated = await run("webhooks", "rotate", id, "--grace", "60");
  expect(rotated.out).toMatch(/secret before\s+until /);

  const set = await run("mailbox", "channels", address, "--webhook", id, "--workflow", "agent@agents", "--id-per", "message");
  expect(set.out).toContain(`pull; webhook ${id}; workflow agent@agents per message`);
  const { id: mailbox } = (await run("mailbox", "channels", address, "--json")).json;
  await rig.message({ mailbox });
  const [one] = (await run("webhooks", "deliveries", id, "--state", "pending", "--json")).json.items;
  expect((await run("webhooks", "deliveries", address)).out).toContain(one.id);
  const narrow = await cli(["webhooks", "deliveries", address], {
    columns: 80,
    env: { POSTERN_URL: rig.base, POSTERN_ADMIN_KEY: ADMIN_KEY },
  });
  for (const line of narrow.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  for (const part of [one.id, one.message_id, "agent@agents per message"]) expect(narrow.out).toContain(part);
  expect((await run("webhooks", "replay", id, one.id)).out).toContain("in line again");
  const none = await run("mailbox", "channels", address, "--none", "--json");
  expect(none.err).toBe("");
  expect(none.json.channels).toEqual([]);
  expect((await run("webhooks", "delete", id)).out).toContain(`deleted ${id}`);
  expect((await run("webhooks", "show", id)).code).toBe(EXIT.notFound);
});

it("a webhook is tried out, and the exit code says whether the event arrived", async () => {
  const receiver = await Receiver.start();
  onTestFinished(() => receiver.close());
  rig.hosts = { ...rig.hosts, "hooks.internal": ["127.0.0.1"] };
  const { id } = (await run("webhooks", "create", receiver.url.replace("127.0.0.1", "hooks.internal"), "--json")).json;
  expect(await run("webhooks", "test", id)).toMatchObject({ code: EXIT.ok, out: "it arrived: 204\n" });
  receiver.answer = answerWith(410);
  expect(await run("webhooks", "test", id)).toMatchObject({ code: EXIT.failure, out: "it did not arrive: http_410\n" });
  expect((await run("webhooks", "test", id, "--json")).json).toEqual({ delivered: false, status: 410, reason: "http_410" });
});

it("a problem that is the whole message is said once", async () => {
  const { err } = await run("webhooks", "create", "http://agent.example.com/");
  expect(err.trim().split("\n")).toEqual(["error: `url` is not an https URL", expect.stringMatching(/^fix: /)]);
});

it.each([
  [["webhooks", "create", "http://agent.example.com/"], "https"],
  [["mailbox", "channels", "mbx_7w3v9k2m5q8r1t4x6z0b2d4f", "--workflow", "agent"], "schedulingAgent@agents"],
])("%j says the way out", async (argv, fix) => {
  const { code, err } = await run(...argv);
  expect(code).not.toBe(0);
  expect(err).toContain(fix);
});
