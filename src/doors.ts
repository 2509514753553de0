import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { deliverToWebhook, type WebhookPort } from "./channels/webhook.ts";
import type { Closing } from "./closing.ts";
import type { Config } from "./config.ts";
import { createHttpApp } from "./http/app.ts";
import type { HttpDeps } from "./http/deps.ts";
import { createProbeApp } from "./http/probe-app.ts";
import { startHttp } from "./http/server.ts";
import { createSlots } from "./intake/slots.ts";
import { createSystemResolver } from "./mail/dns.ts";
import type { Running } from "./serve.ts";
import { SMTP_LIMITS } from "./smtp/limits.ts";
import { startSmtp } from "./smtp/start.ts";
import type { Base, State } from "./state.ts";
import { createZoneFileResolver } from "./threads/zone.ts";
import { VERSION } from "./version.ts";
import { INBOUND_SLOTS } from "./worker.ts";

type DoorDeps = Base &
  Omit<State, "source"> &
  Pick<HttpDeps, "gate" | "grants" | "identity" | "sealer" | "composer" | "freezer" | "screening" | "transport" | "temporal"> & {
    readonly webhooks: WebhookPort;
  };

/** `judgements`: under way at once, for all peers together. */
export async function openDoors(
  config: Config,
  deps: DoorDeps,
  started: Closing[],
  judgements: number = INBOUND_SLOTS / 2,
): Promise<Pick<Running, "http" | "smtp" | "lmtp">> {
  const closing = new AbortController();
  const resolver = config.dnsZone === undefined ? createSystemResolver({ timeoutMs: 2_000 }) : createZoneFileResolver(config.dnsZone);
  const places = createSlots({ total: judgements, perKey: SMTP_LIMITS.judgementsPerPeer });
  const app = createHttpApp({
    ...deps,
    intake: { ...config.limits, judgements: places },
    webhooks: { targets: deps.webhooks.targets, deliver: (request) => deliverToWebhook(deps.webhooks, request) },
    resolver,
    version: VERSION,
    publicUrl: config.publicUrl,
    submitsPerHour: config.submitsPerHour,
    closing: closing.signal,
  });
  const http = await startHttp({ app, ...config.http });
  started.unshift(() => {
    closing.abort();
    return http.close();
  });
  const mail = {
    deps,
    limits: { ...config.limits, judgements },
    judgements: places,
    trustedRelays: config.trustedRelays,
    name: hostname(),
    ...(config.tls === undefined ? {} : { tls: await readTls(config.tls) }),
  };
  const smtp = await startSmtp({ ...mail, ...config.smtp });
  started.unshift(() => smtp.close());
  const lmtp = config.lmtp === undefined ? undefined : await startSmtp({ ...mail, ...NOWHERE, ...config.lmtp, protocol: "lmtp" });
  if (lmtp !== undefined) started.unshift(() => lmtp.close());
  return { smtp: smtp.address, lmtp: lmtp?.address, http: http.address };
}

/** Of a door that has a path in their place. */
const NOWHERE = { host: "", port: 0 };

/** What a supervisor asks of a process without doors: `/healthz`, `/readyz`, `/metrics`. Resolves to `http://host:port`. */
export async function openProbes(
  config: Config,
  deps: Pick<HttpDeps, "store" | "gate" | "log" | "metrics">,
  started: Closing[],
): Promise<string> {
  const app = createProbeApp({ ...deps, version: VERSION });
  const http = await startHttp({ app, ...config.http });
  started.unshift(() => http.close());
  return http.address;
}

async function readTls({ cert, key }: { cert: string; key: string }) {
  return { cert: await readFile(cert), key: await readFile(key) };
}
