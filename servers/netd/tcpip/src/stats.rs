//! Counters: every frame is counted once as delivered or with the reason why it was dropped.

/// What `netstat` and `ifconfig` print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Frames received.
    pub frames_in: u64,
    /// Bytes in them.
    pub bytes_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Bytes in them.
    pub bytes_out: u64,
    /// Dropped: shorter than a header, or not for our Ethernet address.
    pub ethernet_dropped: u64,
    /// Dropped: an EtherType we don't speak.
    pub ethertype_unknown: u64,
    /// ARP packets received.
    pub arp_in: u64,
    /// Dropped: malformed ARP.
    pub arp_malformed: u64,
    /// ARP packets with our address from another station.
    pub arp_conflicts: u64,
    /// Dropped: packets that waited too long, or too many, for a neighbour.
    pub neighbour_dropped: u64,
    /// IPv4 packets received, loopback included.
    pub ip_in: u64,
    /// IPv4 packets sent, loopback included.
    pub ip_out: u64,
    /// Dropped: contradictory header.
    pub ip_malformed: u64,
    /// Dropped: wrong header checksum.
    pub ip_checksum: u64,
    /// Dropped: not for our address.
    pub ip_not_ours: u64,
    /// Dropped: a source that can't be a host.
    pub ip_bad_source: u64,
    /// Dropped: a protocol we don't speak.
    pub ip_unknown_protocol: u64,
    /// Not sent: no route or no address.
    pub ip_no_route: u64,
    /// Not sent: a queue was full.
    pub ip_queue_full: u64,
    /// Fragments received.
    pub fragments_in: u64,
    /// Fragments sent.
    pub fragments_out: u64,
    /// Datagrams put together.
    pub reassembled: u64,
    /// Datagrams dropped in reassembly: overlap, contradiction, limit.
    pub reassembly_dropped: u64,
    /// Datagrams whose fragments took too long.
    pub reassembly_timeout: u64,
    /// ICMP messages received.
    pub icmp_in: u64,
    /// Dropped: malformed ICMP, a wrong checksum or a type we ignore.
    pub icmp_dropped: u64,
    /// ICMP errors sent.
    pub icmp_errors_out: u64,
    /// ICMP errors not sent, by the limit of their rate.
    pub icmp_limited: u64,
    /// UDP datagrams received.
    pub udp_in: u64,
    /// UDP datagrams sent.
    pub udp_out: u64,
    /// Dropped: malformed UDP or a wrong checksum.
    pub udp_malformed: u64,
    /// Dropped: no socket at the port.
    pub udp_no_port: u64,
    /// Dropped: the socket's queue was full.
    pub udp_queue_full: u64,
    /// TCP segments received.
    pub tcp_in: u64,
    /// TCP segments sent.
    pub tcp_out: u64,
    /// Dropped: malformed TCP or a wrong checksum.
    pub tcp_malformed: u64,
    /// Segments that belonged to no connection.
    pub tcp_no_connection: u64,
    /// Resets sent.
    pub tcp_resets_out: u64,
    /// SYNs dropped because a listener's queue was full.
    pub tcp_backlog_full: u64,
    /// SYNs dropped because the socket table was full.
    pub tcp_no_socket: u64,
    /// Records of TIME-WAIT that had to go early.
    pub tcp_time_wait_overflow: u64,
    /// Connections that were established.
    pub tcp_established: u64,
    /// Segments repeated by connections that are over.
    pub tcp_retransmits: u64,
    /// DNS responses dropped: malformed, or not the answer to an open question.
    pub dns_dropped: u64,
    /// DHCP messages dropped: malformed, or not the answer to ours.
    pub dhcp_dropped: u64,
}
