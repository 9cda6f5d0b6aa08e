import { defineRouter } from 'tandem'

/** Office hours go to the agent of the region, every other hour to the night's. Hours are UTC. */
export default defineRouter((call) => {
  const hour = new Date(call.receivedAt).getUTCHours()
  if (hour < 8 || hour >= 18) return { bridge: 'night' }
  return call.region.startsWith('eu-') ? { bridge: 'intake-eu' } : { bridge: 'intake' }
})
