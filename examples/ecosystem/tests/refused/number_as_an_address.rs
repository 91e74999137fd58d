use glassloop::net::TcpStream;

fn main() {
    glassloop::run(async {
        let _ = TcpStream::connect(8080).await;
    });
}

// error: `{integer}` is no address of a socket
//   line 5: names no host and port
//   line 5: required by a bound introduced by this call
//   help: the trait `glassloop::net::ToSocketAddrs` is not implemented for `{integer}`
//   note: write `"host:port"`, `("host", port)`, `(Ipv4Addr::LOCALHOST, port)` or a `SocketAddr`
//   help: the following other types implement trait `glassloop::net::ToSocketAddrs`:
//   &T
//   (&str, u16)
//   (IpAddr, u16)
//   (Ipv4Addr, u16)
//   (Ipv6Addr, u16)
//   (String, u16)
//   SocketAddrV4
//   SocketAddrV6
// and 4 others
//   note: required by a bound in `glassloop::net::TcpStream::connect`
// error: `{integer}` is no address of a socket
//   line 5: names no host and port
//   help: the trait `glassloop::net::ToSocketAddrs` is not implemented for `{integer}`
//   note: write `"host:port"`, `("host", port)`, `(Ipv4Addr::LOCALHOST, port)` or a `SocketAddr`
//   help: the following other types implement trait `glassloop::net::ToSocketAddrs`:
//   &T
//   (&str, u16)
//   (IpAddr, u16)
//   (Ipv4Addr, u16)
//   (Ipv6Addr, u16)
//   (String, u16)
//   SocketAddrV4
//   SocketAddrV6
// and 4 others
//   note: required by a bound in `glassloop::net::TcpStream::connect`
// error: `{integer}` is no address of a socket
//   line 5: names no host and port
//   help: the trait `glassloop::net::ToSocketAddrs` is not implemented for `{integer}`
//   note: write `"host:port"`, `("host", port)`, `(Ipv4Addr::LOCALHOST, port)` or a `SocketAddr`
//   help: the following other types implement trait `glassloop::net::ToSocketAddrs`:
//   &T
//   (&str, u16)
//   (IpAddr, u16)
//   (Ipv4Addr, u16)
//   (Ipv6Addr, u16)
//   (String, u16)
//   SocketAddrV4
//   SocketAddrV6
// and 4 others
//   note: required by a bound in `glassloop::net::TcpStream::connect`
