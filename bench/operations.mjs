// The operations that every rival is given: services with five real servers each, as floor.c makes them.
// SPDX-License-Identifier: MIT

export const PER_SERVICE = 5
export const PORT = 80

const dotted = (number) => `${number >>> 24}.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`

export const serviceKey = (index) => ({ protocol: 'tcp', address: dotted(0xac100000 + index), port: PORT })
export const newService = (index) => ({
  protocol: 'tcp',
  address: dotted(0xac100000 + index),
  port: PORT,
  scheduler: 'wlc',
})

const key = (address) => ({ address: dotted(address), port: PORT })
/** Settings that leave nothing to be read first. */
export const allSettings = (weight) => ({
  forwarding: 'masquerading',
  weight,
  upperThreshold: 0,
  lowerThreshold: 0,
})
const server = (address) => ({
  address: dotted(address),
  port: PORT,
  forwarding: 'masquerading',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
})

/** Real server `place` (1..5) of a service. */
const serverAddress = (service, place) => 0x0a000000 + service * PER_SERVICE + place
export const serverKey = (service, place) => key(serverAddress(service, place))
export const newServer = (service, place) => server(serverAddress(service, place))

/** One more real server, for the measurements of one change. */
export const extraKey = (index) => key(0x0a800000 + index)
export const newExtra = (index) => server(0x0a800000 + index)

/** Calls addService(index) or addServer(service, place) for operations `from` up to, not including, `to`. */
export function eachOperation(from, to, { addService, addServer }) {
  for (let i = from; i < to; i++) {
    const service = Math.floor(i / (PER_SERVICE + 1))
    const place = i % (PER_SERVICE + 1)
    if (place === 0) addService(service)
    else addServer(service, place)
  }
}

export const operationsFor = (services) => services * (PER_SERVICE + 1)

/** The same as rules of ipvsadm. */
export function ipvsadmRules(operations) {
  const rules = []
  const name = (index) => `${serviceKey(index).address}:${PORT}`
  eachOperation(0, operations, {
    addService: (index) => rules.push(`-A -t ${name(index)} -s wlc`),
    addServer: (index, place) =>
      rules.push(`-a -t ${name(index)} -r ${serverKey(index, place).address}:${PORT} -m -w 1`),
  })
  return rules
}

/** The operations as the caller has them before the clock starts: [service] or [key of its service, real server]. */
export function prepare(from, to) {
  const list = []
  eachOperation(from, to, {
    addService: (index) => list.push([newService(index)]),
    addServer: (index, place) => list.push([serviceKey(index), newServer(index, place)]),
  })
  return list
}

/** Gives prepared operations `from` up to, not including, `to` to a client at once; ends when all are answered. */
export function load({ services, destinations }, prepared, from = 0, to = prepared.length) {
  const calls = []
  for (let i = from; i < to; i++) {
    const [service, server] = prepared[i]
    calls.push(server === undefined ? services.add(service) : destinations.add(service, server))
  }
  return Promise.all(calls)
}
