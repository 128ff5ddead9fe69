/**
 * The page's only Trusted Types policy: scripts of this origin may be loaded (the training Worker), and no text ever
 * becomes markup or code. Must run before anything makes a Worker.
 */
interface PolicyRules {
  createScriptURL(url: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: PolicyRules): unknown;
}

export function installPolicy(): void {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  factory?.createPolicy('default', {
    createScriptURL: (url) => {
      if (new URL(url, location.href).origin === location.origin) return url;
      throw new TypeError(`scripts are loaded from ${location.origin} only, not from ${url}`);
    },
  });
}
