/** The host that the browser itself named, whatever a proxy says; without its port. Empty where it named none. */
export function hostNamed(host: string | undefined): string {
  const url = `http://${host ?? ''}`;
  return URL.canParse(url) ? new URL(url).hostname : '';
}
