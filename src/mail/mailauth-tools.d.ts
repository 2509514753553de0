// The parts of mailauth its own type file leaves out.

declare module "mailauth/lib/tools.js" {
  import type { KeyObject } from "node:crypto";

  /** Relaxed alignment over the Public Suffix List it ships with. */
  export function getAlignment(fromDomain: string, domains: readonly string[]): { readonly domain: string } | false;

  /** A key record, read and checked (RFC 6376 §3.6.1). Rejects for one that cannot be used. */
  export interface PublicKey {
    /** As `crypto.verify` takes it. */
    readonly publicKey: string | KeyObject;
    readonly [property: string]: unknown;
  }
  export interface KeyOptions {
    readonly strict?: boolean;
    readonly hashAlgo?: string;
  }
  export function getPublicKey(
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: (name: string, type: string) => Promise<unknown[]>,
    options: KeyOptions | undefined,
  ): Promise<PublicKey>;
  /** A domain name as it is looked up. */
  export function toALabel(name: string): string;
}

declare module "mailauth/lib/dkim/dkim-verifier.js" {
  import type { DKIMVerifyOptions, DKIMVerifyResult, DNSResolver } from "mailauth";
  import type { KeyOptions, PublicKey } from "mailauth/lib/tools.js";

  export interface KeyCache {
    /** The library asks this cache again for ARC only if it is the resolver it was given there. */
    readonly resolver: DNSResolver;
    /** The same promise for the same question. */
    get(type: string, name: string, minBitLength: number | undefined, options: KeyOptions | undefined): Promise<PublicKey>;
  }

  /** What `dkimVerify` writes a message to; its steps, one by one. */
  export class DkimVerifier {
    constructor(options: DKIMVerifyOptions);
    keyCache: KeyCache;
    readonly arc: NonNullable<DKIMVerifyResult["arc"]> & { keyCache: KeyCache };
    readonly headerFrom: string[];
    readonly fromFields: number;
    readonly results: DKIMVerifyResult["results"];
    emitHeaders(block: Buffer): Promise<void>;
    nextChunk(body: Buffer): Promise<void>;
    finalChunk(): Promise<void>;
  }
}
