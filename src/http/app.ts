import { OpenAPIHono } from "@hono/zod-openapi";
import { auditRoutes } from "./audit.ts";
import { identify } from "./auth.ts";
import { decideRoutes } from "./decide.ts";
import { decisionRoutes } from "./decisions.ts";
import { deliveryRoutes } from "./deliveries.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { addDocs } from "./docs.ts";
import { domainRoutes } from "./domains.ts";
import { draftRoutes } from "./drafts.ts";
import { editRoutes } from "./edit.ts";
import { grantRoutes } from "./grants.ts";
import { limitBody, secure } from "./harden.ts";
import { ingestRoutes } from "./ingest.ts";
import { keyRoutes } from "./keys.ts";
import { mailboxRoutes } from "./mailboxes.ts";
import { messageRoutes } from "./messages.ts";
import { sendRoutes } from "./send.ts";
import { methodsOf } from "./methods.ts";
import { modeRoutes } from "./modes.ts";
import { observe } from "./observe.ts";
import { pendingRoutes } from "./pending.ts";
import { policyRoutes } from "./policies.ts";
import { answerError, answerUnknownRoute, refuseInvalid } from "./problem.ts";
import { probeRoutes } from "./probes.ts";
import { releaseRoutes } from "./release.ts";
import { signalTokenRoutes } from "./signal-token.ts";
import { sinkRoutes } from "./sink.ts";
import { stopRoutes } from "./stops.ts";
import { streamRoutes } from "./stream.ts";
import { suppressionRoutes } from "./suppressions.ts";
import { tenantRoutes } from "./tenants.ts";
import { waitRoutes } from "./wait.ts";
import { webhookTestRoutes } from "./webhook-test.ts";
import { webhookRoutes } from "./webhooks.ts";
import { wellKnownRoutes } from "./well-known.ts";

/** The HTTP door (DESIGN §7): parse, authorise, call gate or store, answer. Nothing is decided here. */
export function createHttpApp(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid });
  app.use(observe(deps), secure(deps.publicUrl), identify(deps.store), limitBody());
  for (const routes of [
    mailboxRoutes,
    policyRoutes,
    messageRoutes,
    ingestRoutes,
    sendRoutes,
    draftRoutes,
    decideRoutes,
    releaseRoutes,
    pendingRoutes,
    editRoutes,
    signalTokenRoutes,
    modeRoutes,
    stopRoutes,
    suppressionRoutes,
    sinkRoutes,
    waitRoutes,
    streamRoutes,
    webhookRoutes,
    webhookTestRoutes,
    deliveryRoutes,
    decisionRoutes,
    auditRoutes,
    grantRoutes,
    keyRoutes,
    tenantRoutes,
    probeRoutes,
    domainRoutes,
    wellKnownRoutes,
  ]) {
    app.route("/", routes(deps));
  }
  addDocs(app, deps);
  const described = app.openAPIRegistry.definitions.flatMap((each) => (each.type === "route" ? [each.route] : []));
  app.notFound((c) => answerUnknownRoute(c, methodsOf(described, c.req.path)));
  app.onError(answerError(deps.log));
  return app;
}
