import { defineConfig } from 'vitest/config';

/** Tests against real brokers, stores and certificates, which their rigs install and start: one after the other on one machine. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
