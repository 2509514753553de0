import type { Context, MiddlewareHandler } from "hono";
import { hashKey } from "../grants/key.ts";
import { PosternError } from "../model/errors.ts";
import type { MailboxId, TenantId } from "../model/ids.ts";
import type { KeyRow, Scope, Store, View } from "../store/contract.ts";
import type { HttpEnv } from "./deps.ts";
import { isIngest } from "./ingest-paths.ts";

/** RFC 6750 §2.1; longer is no key of ours. */
const BEARER = /^Bearer ([\x21-\x7e]{1,200})$/i;

/** PB-07: bridges put their key elsewhere. */
const KEY = /^[\x21-\x7e]{1,200}$/;

/** Who is asking: one live key. */
export interface Caller {
  readonly key: KeyRow;
  readonly tenant: TenantId;
  readonly actor: `key:${string}`;
  /** `all` for people (scope `admin` or `oversight`), `agent` for every other key: delivered messages only. */
  readonly view: View;
}

/** Looks the key up and leaves the caller; refusing is the business of {@link requires}, so an unknown route stays a 404. */
export function identify(store: Store): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const key = presentedKey(c);
    c.set("caller", key === null ? null : await findCaller(store, key));
    await next();
  };
}

function presentedKey(c: Context<HttpEnv>): string | null {
  const authorization = c.req.header("authorization");
  if (authorization !== undefined || !isIngest(c.req.path)) return BEARER.exec(authorization ?? "")?.[1] ?? null;
  const key = c.req.header("x-agentpack-key") ?? "";
  return KEY.test(key) ? key : null;
}

async function findCaller(store: Store, text: string): Promise<Caller | null> {
  const key = await store.run("keys.find", { hash: hashKey(text) });
  return key === null || key.revoked_at !== null ? null : callerOf(key);
}

function callerOf(key: KeyRow): Caller {
  const view = key.scopes.includes("admin") || key.scopes.includes("oversight") ? "all" : "agent";
  return { key, tenant: key.tenant, actor: `key:${key.id}`, view };
}

/** Admits a key that has any of these scopes. Runs before the request is validated: a stranger learns nothing about shapes. */
export function requires(scopes: readonly Scope[]): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const { key } = currentCaller(c);
    if (!scopes.some((scope) => key.scopes.includes(scope))) throw scopeMissing(scopes);
    await next();
  };
}

/** The caller of a route that {@link requires} one. */
export function currentCaller(c: Context<HttpEnv>): Caller {
  const caller = c.get("caller");
  if (caller === null) throw unauthorized((c.req.header("authorization") ?? c.req.header("x-agentpack-key")) !== undefined);
  return caller;
}

/** A key bound to mailboxes sees no other; unbound keys see all of their tenant. */
export function sees(caller: Caller, mailbox: MailboxId): boolean {
  return caller.key.mailboxes === null || caller.key.mailboxes.includes(mailbox);
}

/** For what reaches beyond single mailboxes: making them, revoking keys. */
export function unbound(caller: Caller): Caller {
  if (caller.key.mailboxes === null) return caller;
  throw new PosternError("forbidden", "this key is bound to its mailboxes", { fix: "use an admin key that is not bound to mailboxes" });
}

function unauthorized(presented: boolean): PosternError {
  return new PosternError("unauthorized", presented ? "this key is not known or was revoked" : "a key is needed", {
    fix: "send `Authorization: Bearer pst_live_…` with a key of `POST /v1/keys`; for the CLI, set POSTERN_KEY, or POSTERN_DATA to the data directory of this very service",
  });
}

function scopeMissing(scopes: readonly Scope[]): PosternError {
  const names = scopes.map((scope) => `\`${scope}\``).join(" or ");
  return new PosternError("forbidden", `this key lacks the scope ${names}`, {
    fix: "use a key with that scope; an admin makes one with `postern key create`",
  });
}
