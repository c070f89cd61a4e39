import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitKeyOf } from "../../../db/limit-key";

describe("what an address is counted by", () => {
  it("is an IPv4 address itself", () => {
    expect(limitKeyOf("192.0.2.7")).toBe("192.0.2.7");
    expect(limitKeyOf("192.0.2.8")).not.toBe(limitKeyOf("192.0.2.7"));
  });

  it("is the same IPv4 address where a dual-stack socket writes it as IPv6", () => {
    expect(limitKeyOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(limitKeyOf("::FFFF:192.0.2.7")).toBe("192.0.2.7");
    expect(limitKeyOf("::ffff:c000:207")).toBe("192.0.2.7");
    expect(limitKeyOf("0:0:0:0:0:ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(limitKeyOf("::ffff:203.128.255.200")).toBe("203.128.255.200");
    // Such an address stands at the very beginning.
    expect(limitKeyOf("1::ffff:7")).toBe("1:0:0:0::/64");
  });

  it("is an IPv6 address's network, however the address is written", () => {
    const same = [
      "2001:db8:1:2::1",
      "2001:db8:1:2::",
      "2001:DB8:1:2:ffff:ffff:ffff:ffff",
      "2001:0db8:0001:0002:0000:0000:0000:0001",
      "2001:db8:1:2:3::",
      "2001:db8:1:2::192.0.2.7",
    ];
    for (const address of same) expect(limitKeyOf(address)).toBe("2001:db8:1:2::/64");
    expect(limitKeyOf("2001:db8:1:3::1")).toBe("2001:db8:1:3::/64");
    expect(limitKeyOf("2001:db8::1")).toBe("2001:db8:0:0::/64");
    expect(limitKeyOf("::1")).toBe("0:0:0:0::/64");
    expect(limitKeyOf("::")).toBe("0:0:0:0::/64");
    expect(limitKeyOf("::1:2:3:4:5")).toBe("0:0:0:1::/64");
    expect(limitKeyOf("::7:1:2:3:4:5")).toBe("0:0:7:1::/64");
    expect(limitKeyOf("1::2:3:4:5:6")).toBe("1:0:0:2::/64");
    expect(limitKeyOf("1:2:3:4:5:6:7:8")).toBe("1:2:3:4::/64");
  });

  it("leaves out the interface of a link-local address", () => {
    expect(limitKeyOf("fe80::1%eth0")).toBe(limitKeyOf("fe80::2"));
  });

  it("is one for two IPv6 addresses exactly where their first 64 bits are the same", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const network = fc.array(fc.oneof(group, fc.constant(0)), { minLength: 4, maxLength: 4 });
    const written = (groups: number[]) => groups.map((one) => one.toString(16)).join(":");
    fc.assert(
      fc.property(network, network, network, network, (one, other, host, elsewhere) => {
        fc.pre(one.some(Boolean) && other.some(Boolean));
        const [a, b] = [written([...one, ...host]), written([...other, ...elsewhere])];
        expect(limitKeyOf(a) === limitKeyOf(b)).toBe(written(one) === written(other));
      }),
    );
  });

  it("is something for an address that is none", () => {
    for (const address of ["unknown", "", "192.0.2.7:1234", "localhost"])
      expect(limitKeyOf(address)).toBe(address);
  });
});
