/** How long the first alert since the last checkpoint has waited, from when the records that made it became available to us. */
export function createAlertDelay(isFound: () => boolean) {
  let since: number | undefined;
  return {
    came(availableAt: number): void {
      if (since === undefined && isFound()) since = availableAt;
    },
    /** Seconds; begins anew. */
    take(): number | undefined {
      const waited = since === undefined ? undefined : (Date.now() - since) / 1000;
      since = undefined;
      return waited;
    },
  };
}
