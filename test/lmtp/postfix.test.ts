import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, Postfix, WITHOUT_POSTFIX } from "../support/postfix.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, write } from "../support/signer.ts";
import { skippedFor } from "../support/skipped.ts";
import { SmtpClient } from "../support/smtp-client.ts";

const boss = makeSigner("acme.example", "192.0.2.1");
const FROM = "boss@acme.example";

describe.skipIf(WITHOUT_POSTFIX !== null)(`the real Postfix hands over by LMTP${skippedFor(WITHOUT_POSTFIX)}`, () => {
  let postern: Instance;
  let postfix: Postfix;
  const mailboxes: Record<string, string> = {};

  beforeAll(async () => {
    const lmtp = await freePort();
    postern = await Instance.start({ signers: [boss], env: { POSTERN_LMTP: `127.0.0.1:${lmtp}` } });
    const auditLog = { retentionDays: 90, includeBodyHash: true };
    const senders = [{ match: { address: FROM, requireSpf: true }, capabilities: [] }];
    for (const [name, defaultAction, guards] of [
      ["open", "bounce", []],
      ["strict", "bounce", [{ reject: "lunch", reason: "no_lunch" }]],
      ["curious", "quarantine", []],
    ] as const)
      // prettier-ignore
      mailboxes[name] = await postern.mailbox(`${name}@agents.example`, { defaultAction, senders, contentGuards: guards, auditLog });
    postfix = await Postfix.start([
      "relay_domains = agents.example",
      `relay_transport = lmtp:inet:127.0.0.1:${lmtp}`,
      "lmtp_send_xforward_command = yes",
      // Lets the test speak for a client of the network.
      "smtpd_authorized_xclient_hosts = 127.0.0.1",
    ]);
  }, 120_000);
  afterAll(async () => {
    await postfix?.stop();
    await postern?.close();
  });

  /** A client of the network at `ip` hands mail to Postfix, which takes it. */
  async function mailFrom(ip: string, to: readonly string[], text: string): Promise<void> {
    const client = await SmtpClient.open(postfix.port);
    await client.command(`XCLIENT ADDR=${ip} NAME=client.acme.example HELO=client.acme.example`, "220");
    await client.command("EHLO client.acme.example", "250");
    expect(await client.send({ from: FROM, to, data: write({ from: FROM, to: to[0] ?? "", text }) })).toMatch(/^250/);
    client.end();
  }

  async function messages(name: string): Promise<readonly any[]> {
    return (await postern.http.get<{ items: any[] }>(`/v1/mailboxes/${mailboxes[name]}/messages`)).items;
  }

  it(
    "MB-14 XFORWARD reaches verification: SPF is checked with the client's address, and each recipient is answered",
    { timeout: 90_000 },
    async () => {
      const to = ["open@agents.example", "strict@agents.example"];
      await mailFrom(boss.ip, to, "Shall we have lunch?");
      const [delivered, refused] = await postfix.deliveries(to);
      expect(delivered).toEqual({ status: "sent", said: expect.stringMatching(/250 2\.1\.5 accepted as msg_/) });
      expect(refused).toEqual({ status: "bounced", said: expect.stringMatching(/550 5\.7\.1 refused by the recipient's policy/) });
      const [message] = await messages("open");
      expect(message).toMatchObject({ source: "lmtp", outcome: "delivered", from_verified: true, verification: { spf: "pass" } });
      const [decision] = (await postern.http.get<{ items: any[] }>(`/v1/mailboxes/${mailboxes["open"]}/decisions`)).items;
      const { receipts } = await postern.http.get<any>(`/v1/decisions/${decision.id}/explain`);
      expect(receipts).toMatchObject([{ peer: boss.ip, helo: "client.acme.example", recipient: to[0] }]);
    },
  );

  it("a client elsewhere does not pass because the MTA brings its mail", { timeout: 90_000 }, async () => {
    await mailFrom("192.0.2.66", ["curious@agents.example"], "Really me.");
    const [refused] = await postfix.deliveries(["curious@agents.example"]);
    expect(refused).toMatchObject({ status: "bounced" });
    expect(await messages("curious")).toMatchObject([{ outcome: "rejected_at_verification", verification: { spf: "fail" } }]);
  });

  it(
    "DESIGN §9.3 in front of Postfix's queue the sender itself is refused while it is connected, and nobody bounces",
    { timeout: 90_000 },
    async () => {
      const front = await Postfix.start([
        "relay_domains = agents.example",
        `smtpd_proxy_filter = 127.0.0.1:${postern.running.smtp.port}`,
        "smtpd_authorized_xclient_hosts = 127.0.0.1",
      ]);
      try {
        const replies: string[] = [];
        for (const ip of [boss.ip, "192.0.2.66"]) {
          const client = await SmtpClient.open(front.port);
          await client.command(`XCLIENT ADDR=${ip} NAME=client.acme.example HELO=client.acme.example`, "220");
          await client.command("EHLO client.acme.example", "250");
          const data = write({ from: FROM, to: "open@agents.example", text: `Through the proxy from ${ip}.` });
          replies.push(await client.send({ from: FROM, to: ["open@agents.example"], data }));
          client.end();
        }
        expect(replies).toEqual([expect.stringMatching(/^250 2\.0\.0 accepted as msg_/), expect.stringMatching(/^550 5\.7\.1 /)]);
        expect(await front.log()).not.toMatch(/status=/);
      } finally {
        await front.stop();
      }
    },
  );

  it("of mail that was made on the MTA itself the client is unknown", { timeout: 90_000 }, async () => {
    await postfix.submit(FROM, "curious+local@agents.example", write({ from: FROM, text: "By cron." }));
    await postfix.deliveries(["curious+local@agents.example"]);
    expect((await messages("curious")).map(({ verification }) => verification.spf)).toEqual(["none", "fail"]);
  });
});
