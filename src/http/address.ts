import { domainToASCII } from "node:url";
import { PosternError } from "../model/errors.ts";

/** RFC 5321 §4.5.3.1. */
const LOCAL_MAX = 64;
const DOMAIN_MAX = 253;
/** RFC 5322 dot-atom in lower case, without `+`: what follows it is a tag that the gate cuts off. */
const LOCAL_PART = /^[a-z0-9!#$%&'*/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*/=?^_`{|}~-]+)*$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface FoldedAddress {
  readonly address: string;
  readonly domain: string;
}

/** An address to be given to a mailbox, folded for matching: local part in lower case, domain as A-labels. */
export function foldedAddress(localPart: string, domain: string): FoldedAddress {
  const local = localPart.toLowerCase();
  if (local.length > LOCAL_MAX || !LOCAL_PART.test(local))
    throw refused("address_local_part", localPart, "letters, digits, dots and hyphens, no `+`");
  const folded = foldedDomain(domain);
  return { address: `${local}@${folded}`, domain: folded };
}

function foldedDomain(domain: string): string {
  const ascii = domainToASCII(domain).toLowerCase();
  const labels = ascii.split(".");
  const named = labels.every((label) => LABEL.test(label)) && !/^[0-9]+$/.test(labels.at(-1) ?? "");
  if (ascii.length > DOMAIN_MAX || !named) throw refused("domain", domain, "a domain name such as `acme.example`");
  return ascii;
}

function refused(path: string, value: string, wanted: string): PosternError {
  return new PosternError("invalid_request", `\`${value.slice(0, 64)}\` cannot be used in an address`, {
    fix: `use ${wanted}`,
    problems: [{ path, message: `must be ${wanted}` }],
  });
}
