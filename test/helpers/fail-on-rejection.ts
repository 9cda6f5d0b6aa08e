/**
 * Loaded before tests that are run by hand (.mocharc.json). Mocha listens for rejections that nobody handles and drops them, whereas they end a node:
 * thrown here, they fail the test that is running.
 */
process.on('unhandledRejection', (reason) => {
  throw reason
})
