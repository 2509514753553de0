import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from "smtp-server";
import type { Route } from "../intake/recipient.ts";
import { isAscii } from "./address.ts";
import { type Reply, REPLY } from "./answers.ts";
import { senderOf } from "./client.ts";
import type { DoorTerms } from "./door.ts";
import { faultCode } from "../intake/fault.ts";
import { route } from "./route.ts";
import { receive, type Replies, type TransactionTerms } from "./transaction.ts";

/** RFC 1870, RFC 6152. SMTPUTF8, DSN and the rest are not offered, so they are not understood either (RFC 5321 §4.1.1.11). */
const MAIL_PARAMETERS = new Set(["SIZE", "BODY"]);

type Callback = (error?: Error | null, text?: string | (string | Error)[]) => void;

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
async function answer({ deps, protocol }: HandlerTerms, callback: Callback, asked: Promise<Reply | Replies | null>): Promise<void> {
  const reply = await asked.catch((error: unknown) => {
    deps.log.warn({ fault: faultCode(error) }, "smtp command not completed");
    return REPLY.fault;
  });
  if (reply === null) return callback();
  if ("code" in reply) return tell(callback, reply);
  if (protocol === "lmtp") return callback(null, reply.map(spoken));
  tell(callback, reply[0]);
}

function tell(callback: Callback, reply: Reply): void {
  const said = spoken(reply);
  if (typeof said === "string") callback(null, said);
  else callback(said);
}

/** As the library wants it told: an error for what is no success. */
function spoken({ code, enhanced, text }: Reply): string | Error {
  const said = `${enhanced} ${text}`;
  return code < 400 ? said : Object.assign(new Error(said), { responseCode: code });
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
): Promise<Reply | Replies> {
  const [first, ...rest] = routesOf(session, routes);
  if (first === undefined) return REPLY.fault;
  return await receive(terms, { ...senderOf(session, terms), routes: [first, ...rest] }, stream);
}

function routesOf({ envelope }: SMTPServerSession, routes: WeakMap<SMTPServerAddress, Route>): readonly Route[] {
  return envelope.rcptTo.flatMap((address) => routes.get(address) ?? []);
}
