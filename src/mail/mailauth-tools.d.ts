// The part of mailauth its own type file leaves out: relaxed alignment over the Public Suffix List it ships with.
declare module "mailauth/lib/tools.js" {
  export function getAlignment(fromDomain: string, domains: readonly string[]): { readonly domain: string } | false;
}
