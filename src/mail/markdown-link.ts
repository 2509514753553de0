/** Longest target that is linked. */
const LENGTH = 2_000;

/**
 * Where a link may lead: the web or an address, in the spelling a reader of mail will use (host in A-labels), so that what a
 * reviewer sees is what a click opens. Null: no link. A target without a host of its own means nothing in mail, other
 * schemes run things, and a user name before the host is there to look like one.
 */
export function linkTarget(href: string): string | null {
  const url = href.length <= LENGTH ? URL.parse(href.trim()) : null;
  if (url === null || url.href.length > LENGTH) return null;
  if (url.protocol === "mailto:") return url.pathname.includes("@") ? url.href : null;
  const isWeb = url.protocol === "http:" || url.protocol === "https:";
  return isWeb && url.username === "" && url.password === "" ? url.href : null;
}

/** True when the text is the target, as in a bare link: to write it twice would help nobody. */
export function isSameLink(text: string, target: string): boolean {
  const words = text.trim();
  return [words, `${words}/`, `mailto:${words}`, `http://${words}`, `http://${words}/`, `https://${words}`, `https://${words}/`].includes(
    target,
  );
}
