import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from "smtp-server";
import { isAscii } from "./address.ts";
import { type Reply, REPLY } from "./answers.ts";
import type { DoorTerms } from "./door.ts";
import { faultCode } from "./fault.ts";
import { normalizeIp, peerKey } from "./peers.ts";
import { type Route, route } from "./route.ts";
import { type Mail, receive, type TransactionTerms } from "./transaction.ts";

/** RFC 1870, RFC 6152. SMTPUTF8, DSN and the rest are not offered, so they are not understood either (RFC 5321 §4.1.1.11). */
const MAIL_PARAMETERS = new Set(["SIZE", "BODY"]);
const HELO_MAX = 255;

type Callback = (error?: Error | null, text?: string) => void;

export interface HandlerTerms extends TransactionTerms {
  readonly name: string;
  readonly trusted: (ip: string) => boolean;
}

/** What the door does at MAIL, RCPT and DATA. A recipient's route is kept with the address, so RSET and EHLO forget it with the envelope. */
export function createHandlers(terms: HandlerTerms): DoorTerms["handlers"] {
  const routes = new WeakMap<SMTPServerAddress, Route>();
  return {
    onMailFrom: (address, _session, callback) => void answer(terms, callback, atMail(terms, address)),
    onRcptTo: (address, session, callback) => void answer(terms, callback, atRcpt(terms, address, session, routes)),
    onData: (stream, session, callback) => terms.later(answer(terms, callback, atData(terms, stream, session, routes))),
  };
}

/** Never rejects, and calls back once whatever happens: a session without its reply would wait for ever. */
async function answer({ deps }: HandlerTerms, callback: Callback, asked: Promise<Reply | null>): Promise<void> {
  const reply = await asked.catch((error: unknown) => {
    deps.log.warn({ fault: faultCode(error) }, "smtp command not completed");
    return REPLY.fault;
  });
  tell(callback, reply);
}

function tell(callback: Callback, reply: Reply | null): void {
  if (reply === null) return callback();
  const text = `${reply.enhanced} ${reply.text}`;
  if (reply.code < 400) callback(null, text);
  else callback(Object.assign(new Error(text), { responseCode: reply.code }));
}

async function atMail(terms: HandlerTerms, { address, args }: SMTPServerAddress): Promise<Reply | null> {
  if (Object.keys(args || {}).some((name) => !MAIL_PARAMETERS.has(name))) return REPLY.unknownParameter;
  if (!isAscii(address)) return REPLY.notAscii;
  return (await hasSpace(terms)) ? null : REPLY.noSpace;
}

async function hasSpace({ deps, limits }: HandlerTerms): Promise<boolean> {
  try {
    return (await deps.freeBytes()) >= 1.5 * limits.size;
  } catch (error) {
    deps.log.error({ fault: faultCode(error) }, "free space cannot be read");
    return false;
  }
}

async function atRcpt(
  { deps, name }: HandlerTerms,
  address: SMTPServerAddress,
  session: SMTPServerSession,
  routes: WeakMap<SMTPServerAddress, Route>,
): Promise<Reply | null> {
  if (address.args !== false) return REPLY.unknownParameter;
  if (!isAscii(address.address)) return REPLY.notAscii;
  const first = routesOf(session, routes)[0];
  const found = await route(deps, address.address, { host: name, tenant: first?.tenant ?? null });
  if ("code" in found) return found;
  routes.set(address, found);
  return null;
}

async function atData(
  terms: HandlerTerms,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
  routes: WeakMap<SMTPServerAddress, Route>,
): Promise<Reply> {
  const [first, ...rest] = routesOf(session, routes);
  if (first === undefined) return REPLY.fault;
  return await receive(terms, { ...senderOf(session, terms.trusted), routes: [first, ...rest] }, stream);
}

function routesOf({ envelope }: SMTPServerSession, routes: WeakMap<SMTPServerAddress, Route>): readonly Route[] {
  return envelope.rcptTo.flatMap((address) => routes.get(address) ?? []);
}

function senderOf(session: SMTPServerSession, trusted: (ip: string) => boolean): Omit<Mail, "routes"> {
  const ip = normalizeIp(session.remoteAddress) ?? session.remoteAddress;
  const sender = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
  return { envelope: { ip, helo: heloOf(session), sender }, peer: trusted(ip) ? null : peerKey(ip) };
}

/** A relay may state its client's HELO (XCLIENT HELO=); its own follows in the EHLO after it. */
function heloOf({ xClient, hostNameAppearsAs }: SMTPServerSession): string {
  const stated = xClient.get("HELO");
  const helo = typeof stated === "string" && stated !== "" ? stated.toLowerCase() : hostNameAppearsAs;
  return helo.slice(0, HELO_MAX);
}
