import { createClient, segment, type Client, type Patience } from "./cli/client.ts";
import type * as api from "./client-types.generated.ts";
import { eventsOf } from "./client-stream.ts";
import { PosternError } from "./model/errors.ts";

// `postern/client`: what a program that speaks HTTP to Postern needs. No Temporal, no server, and types alone of its schemas.

export { PosternError, type ErrorCode, type Problem } from "./model/errors.ts";
export { createSeen, verifyWebhook } from "./client-webhook.ts";
export type { Seen, WebhookEvent, WebhookMail, WebhookOptions, WebhookRefusal, WebhookRequest, WebhookVerdict } from "./client-webhook.ts";
export type * as api from "./client-types.generated.ts";

/** @experimental */
export interface PosternClientOptions {
  /** Where the HTTP door is, e.g. `http://127.0.0.1:8025`. */
  readonly url: string;
  /** `pst_live_…`. Its scopes say which methods answer. */
  readonly key: string;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** Newest first. */
export interface PageOptions {
  readonly limit?: number;
  /** `next_cursor` of the page before. */
  readonly cursor?: string;
}

export interface ListOptions extends PageOptions {
  readonly direction?: api.MessageSummary["direction"];
  readonly outcome?: api.MessageSummary["outcome"];
}

export interface PendingOptions extends PageOptions {
  readonly direction?: api.Pending["direction"];
  readonly mailbox_id?: string;
  readonly status?: api.Pending["status"];
}

export interface WaitOptions {
  /** Go on after the message with this cursor. Default: begin with the oldest delivered message. */
  readonly after?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** A delivered message and where it stands: keep `cursor` once the message has been dealt with. */
export interface Received {
  readonly message: api.Message;
  readonly cursor: string;
}

export interface SubmitOptions {
  /** 1 to 256 visible ASCII characters: the same request with the same key is one draft, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Seconds one long poll waits; the most the door allows. */
const POLL_S = 60;
/** Milliseconds beyond that for the answer to travel. */
const SLACK_MS = 15_000;
/** Milliseconds until a call that failed for now is made again, doubling up to the second. */
const AGAIN_MS = { first: 500, most: 30_000 };
/** For what sends nothing while nothing happens but a sign of life every 15 s. */
const STREAM_MS = 24 * 60 * 60 * 1000;

/**
 * The HTTP door, typed (MB-20). One try a call: what fails rejects with the {@link PosternError} that the service answered
 * (`code`, `fix`, `temporary`, `retryAfter`), or `unavailable` when it did not answer. Only {@link PosternClient.wait} and
 * {@link PosternClient.stream} go on by themselves after what is temporary.
 *
 * @experimental
 */
export class PosternClient {
  readonly #http: Client;
  readonly #options: Required<PosternClientOptions>;

  constructor({ url, key, fetch = globalThis.fetch }: PosternClientOptions) {
    this.#options = { url: url.replace(/\/$/, ""), key, fetch };
    this.#http = createClient({ url: this.#options.url, key: async () => key, fetch, setting: "`url`" });
  }

  /** Brings mail, as a bridge does (scope `ingest`): one message, or `{items}` of up to 500. */
  ingest(message: api.RawItem | api.ParsedItem): Promise<api.IngestResult>;
  ingest(batch: { readonly items: readonly (api.RawItem | api.ParsedItem)[] }): Promise<api.IngestedItems>;
  ingest(request: object): Promise<object> {
    return this.#http.send("POST", "/v1/ingest", request);
  }

  /** The mailboxes that the key sees. */
  mailboxes(page: PageOptions = {}): Promise<api.MailboxPage> {
    return this.#http.get("/v1/mailboxes", { ...page });
  }

  mailbox(mailbox: string): Promise<api.Mailbox> {
    return this.#http.get(`/v1/mailboxes/${segment(mailbox)}`);
  }

  /** Without their text. An agent's key sees delivered messages only. */
  list(mailbox: string, options: ListOptions = {}): Promise<api.MessagePage> {
    return this.#http.get(`/v1/mailboxes/${segment(mailbox)}/messages`, { ...options });
  }

  /** With a fresh grant for agents. */
  get(message: string): Promise<api.Message> {
    return this.#http.get(`/v1/messages/${segment(message)}`);
  }

  /** Bytes as received. An agent needs the capability `mail.raw`. */
  raw(message: string): Promise<Uint8Array> {
    return this.#http.bytes(`/v1/messages/${segment(message)}/raw`);
  }

  /** Whether a mail allows an act: rejects with `capability_denied`, audited, when it does not (MB-06). */
  check(grant: string, capability: string): Promise<api.GrantChecked> {
    return this.#http.send("POST", "/v1/grants/check", { grant, capability });
  }

  /** Settles the token budget. A second report replaces the first. */
  usage(message: string, tokens_consumed: number): Promise<api.Usage> {
    return this.#http.send("POST", `/v1/messages/${segment(message)}/usage`, { tokens_consumed });
  }

  /** To the sender unless `to` says otherwise, in the thread. A `Draft`, or a `DryRun` if that was asked for. */
  reply(message: string, draft: api.ReplyRequest, options: SubmitOptions = {}): Promise<api.SendResult> {
    return this.#http.send("POST", `/v1/messages/${segment(message)}/reply`, draft, headersOf(options));
  }

  /** From the mailbox. */
  send(mailbox: string, draft: api.SendRequest, options: SubmitOptions = {}): Promise<api.SendResult> {
    return this.#http.send("POST", `/v1/mailboxes/${segment(mailbox)}/send`, draft, headersOf(options));
  }

  /** Where a draft is, and what became of it at each recipient. */
  draft(draft: string): Promise<api.Draft> {
    return this.#http.get(`/v1/drafts/${segment(draft)}`);
  }

  /** Every judgement of a mailbox's mail. */
  decisions(mailbox: string, page: PageOptions = {}): Promise<api.DecisionPage> {
    return this.#http.get(`/v1/mailboxes/${segment(mailbox)}/decisions`, { ...page });
  }

  /** Every stage, input, rule and cost of one judgement, and the audit of its message. */
  explain(decision: string): Promise<api.Explanation> {
    return this.#http.get(`/v1/decisions/${segment(decision)}/explain`);
  }

  /** What would have left, where there is no relay. */
  sink(mailbox_id?: string, page: PageOptions = {}): Promise<api.SinkPage> {
    return this.#http.get("/v1/sink", { ...page, mailbox_id });
  }

  /** One of those, as it would have left. */
  sunk(id: string): Promise<Uint8Array> {
    return this.#http.bytes(`/v1/sink/${segment(id)}/raw`);
  }

  /** What waits for people (scope `oversight`). */
  pending(options: PendingOptions = {}): Promise<api.PendingPage> {
    return this.#http.get("/v1/pending", { ...options });
  }

  /** All that is needed to decide about one. */
  pendingDetail(id: string): Promise<api.PendingDetail> {
    return this.#http.get(`/v1/pending/${segment(id)}`);
  }

  /** One person's word on a draft or a message that waits. Rejects with the code it is refused with; recorded either way. */
  decide(id: string, verdict: api.Verdict): Promise<api.Decided> {
    return this.#http.send("POST", "/v1/oversight/decide", { email_id: id, ...verdict });
  }

  /**
   * Every delivered message, oldest first, as it is delivered, by long polls. A message counts as dealt with when the next is
   * asked for; whoever keeps `cursor` goes on from there after a restart. Goes on after what is temporary; ends with
   * `signal`; throws the rest.
   */
  async *wait(mailbox: string, { after, signal }: WaitOptions = {}): AsyncGenerator<Received, void, void> {
    const path = `/v1/mailboxes/${segment(mailbox)}/wait`;
    const patience = { timeoutMs: POLL_S * 1000 + SLACK_MS, ...(signal === undefined ? {} : { signal }) };
    for (let cursor = after; !hasEnded(signal);) {
      const result = await this.#patiently(() => this.#poll(path, cursor, patience), signal);
      if (result === null) return;
      cursor = result.cursor;
      if (result.type === "message") yield { message: result.message, cursor };
    }
  }

  #poll(path: string, after: string | undefined, patience: Patience): Promise<api.WaitResult> {
    return this.#http.get(path, { timeout_s: POLL_S, after }, patience);
  }

  /** The same by one lasting connection (server-sent events), made again whenever it ends. */
  async *stream(mailbox: string, { after, signal }: WaitOptions = {}): AsyncGenerator<Received, void, void> {
    const path = `/v1/mailboxes/${segment(mailbox)}/stream`;
    for (let cursor = after; !hasEnded(signal);) {
      const body = await this.#patiently(() => this.#connect(path, cursor, signal), signal);
      if (body === null) return;
      for await (const received of this.#events(body, signal)) {
        cursor = received.cursor;
        yield received;
      }
    }
  }

  /** A connection that is cut ends the events; nothing is lost, because the next one begins after the last. */
  async *#events(body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Received, void, void> {
    try {
      for await (const { event, id, data } of eventsOf(body)) {
        if (event === "message" && id !== "") yield { message: JSON.parse(data) as api.Message, cursor: id };
      }
    } catch (error) {
      if (hasEnded(signal)) return;
      if (!(error instanceof TypeError)) throw error;
    }
  }

  async #connect(path: string, after: string | undefined, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>> {
    const { url, key, fetch } = this.#options;
    const headers = {
      authorization: `Bearer ${key}`,
      accept: "text/event-stream",
      ...(after === undefined ? {} : { "last-event-id": after }),
    };
    const late = AbortSignal.timeout(STREAM_MS);
    const until = signal === undefined ? late : AbortSignal.any([late, signal]);
    // A redirect would carry the key elsewhere.
    const response = await fetch(url + path, { headers, redirect: "manual", signal: until }).catch((cause: unknown) => {
      throw new PosternError("unavailable", `\`${url}\` cannot be reached`, { temporary: true, fix: "set `url` to where it is", cause });
    });
    if (response.ok && response.body !== null) return response.body;
    await response.body?.cancel();
    // The same refusal, as a typed error.
    await this.#http.get(path.replace(/stream$/, "wait"), { timeout_s: 0, after });
    throw new PosternError("unavailable", `\`${url}\` answered ${response.status}`, { temporary: true });
  }

  /** Null when the caller ended it. */
  async #patiently<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
    for (let pause = AGAIN_MS.first; ; pause = Math.min(2 * pause, AGAIN_MS.most)) {
      try {
        return await call();
      } catch (error) {
        if (hasEnded(signal)) return null;
        if (!(error instanceof PosternError) || !error.temporary) throw error;
        await rest((error.retryAfter ?? 0) * 1000 || pause, signal);
        if (hasEnded(signal)) return null;
      }
    }
  }
}

function hasEnded(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Until so many milliseconds are over, or the caller ends it. */
async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = (): void => resolve();
  signal?.addEventListener("abort", wake);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", wake);
  }
}

function headersOf({ idempotencyKey }: SubmitOptions): Record<string, string> {
  return idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
}
