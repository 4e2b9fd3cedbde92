// Brand and version of the browser: from the client hints where there are any, else from the
// user agent string.

import type { Capabilities } from '../../protocol/values';

export interface UserAgentData {
  brands: { brand: string; version: string }[];
}

/** In the order in which a more special name wins over the one that it contains. */
const kInUserAgent: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\/([\d.]+)/, 'Microsoft Edge'],
  [/\bFirefox\/([\d.]+)/, 'Firefox'],
  [/\b(?:Headless)?Chrom(?:e|ium)\/([\d.]+)/, 'Chromium'],
  [/\bLinux\b.*\bVersion\/([\d.]+).*\bSafari\//, 'WebKitGTK'],
  [/\bVersion\/([\d.]+).*\bSafari\//, 'Safari'],
];

/** WebKit tells a number of its own making instead of the cores, so that nobody is recognised. */
export function areCoresTrusted(userAgent: string): boolean {
  return !/\bAppleWebKit\//.test(userAgent) || /\b(?:Headless)?Chrom(?:e|ium)\//.test(userAgent);
}

export function browserName(userAgent: string, data?: UserAgentData): Capabilities['browser'] {
  // Every list holds one made-up brand, so that nobody relies on its order.
  const real = (data?.brands ?? []).filter(({ brand }) => !/not.*brand/i.test(brand));
  const own = real.find(({ brand }) => brand !== 'Chromium') ?? real[0];
  const full = kInUserAgent.map(([pattern, name]) => ({ name, found: pattern.exec(userAgent) }));
  const match = full.find(({ found }) => found);
  return {
    user_agent: userAgent,
    brand: own?.brand.replace(/^HeadlessChrome$/, 'Chromium') ?? match?.name ?? '',
    version: match?.found?.[1] ?? own?.version ?? '',
  };
}
