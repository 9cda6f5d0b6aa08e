/**
 * Loaded before tests, by hand (.mocharc.json) and by `tandem test` (mocha-runner.ts). Mocha listens for rejections that nobody handles and drops them, whereas they end a node:
 * thrown here, they fail the test that is running.
 */
process.on('unhandledRejection', (reason) => {
  throw reason
})
