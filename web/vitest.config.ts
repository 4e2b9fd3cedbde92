import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['protocol/**/*.test.ts', 'worker/**/*.test.ts', 'join/**/*.test.ts', 'build/**/*.test.mjs'], environment: 'node' },
});
