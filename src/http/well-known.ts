import { OpenAPIHono, createRoute, z } from "@hono/zod-openapi";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { json } from "./route.ts";

const TAGS = ["Operation"];

/** Long enough to spare us, short enough to follow a change within the hour. */
const CACHED = { "cache-control": "public, max-age=3600", "cross-origin-resource-policy": "cross-origin" } as const;

const Jwk = z
  .object({
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: z.string(),
    y: z.string(),
    kid: z.string(),
    alg: z.literal("ES256"),
    use: z.literal("sig"),
  })
  .openapi("SigningKey", {
    example: {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      kid: "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
      alg: "ES256",
      use: "sig",
    },
  });

const signingKey = (path: "/.well-known/postern-signing-key" | "/.well-known/multimail-signing-key") =>
  createRoute({
    method: "get",
    path,
    tags: TAGS,
    summary: "The key that signs identity headers",
    description: "RFC 7517. `kid` names it in the header of a token.",
    security: [],
    responses: { 200: json("The public key", Jwk) },
  });

const jwks = createRoute({
  method: "get",
  path: "/.well-known/jwks.json",
  tags: TAGS,
  summary: "The same key as a set",
  description: "RFC 7517 §5, for libraries that look keys up by `kid`.",
  security: [],
  responses: { 200: json("The set", z.object({ keys: z.array(Jwk) }).openapi("SigningKeys")) },
});

/** What strangers need to check an identity header (MM-19). Without a key. */
export function wellKnownRoutes({ identity }: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  for (const path of ["/.well-known/postern-signing-key", "/.well-known/multimail-signing-key"] as const)
    app.openapi(signingKey(path), (c) => c.json(identity, 200, CACHED));
  app.openapi(jwks, (c) => c.json({ keys: [identity] }, 200, CACHED));
  return app;
}
