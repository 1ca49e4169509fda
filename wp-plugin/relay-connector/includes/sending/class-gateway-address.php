<?php
/**
 * The gateway's address, and whether this site may call it.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * Older WordPress versions let some internal addresses through, so this class checks too. The constant
 * RELAY_CONNECTOR_ALLOW_HOST ("host" or "host:port") allows exactly one internal host.
 */
final class Gateway_Address {

	const USUAL_PORTS = array( 80, 443, 8080 );

	/**
	 * The full URL.
	 *
	 * @var string
	 */
	private $url;

	/**
	 * The parts of the URL.
	 *
	 * @var array
	 */
	private $parts;

	/**
	 * Parses a URL.
	 *
	 * @param string $url The address.
	 */
	public function __construct( $url ) {
		$this->url   = $url;
		$parts       = wp_parse_url( $url );
		$this->parts = is_array( $parts ) ? $parts : array();
	}

	/**
	 * The host, in lower case.
	 *
	 * @return string
	 */
	public function host() {
		return strtolower( isset( $this->parts['host'] ) ? $this->parts['host'] : '' );
	}

	/**
	 * The port, or the default port of the scheme.
	 *
	 * @return int
	 */
	public function port() {
		if ( isset( $this->parts['port'] ) ) {
			return (int) $this->parts['port'];
		}
		return $this->is_encrypted() ? 443 : 80;
	}

	/**
	 * Whether RELAY_CONNECTOR_ALLOW_HOST names exactly this host and port.
	 *
	 * @return bool
	 */
	public function is_allowed_host() {
		$opened = defined( 'RELAY_CONNECTOR_ALLOW_HOST' ) ? strtolower( trim( (string) RELAY_CONNECTOR_ALLOW_HOST ) ) : '';
		return '' !== $opened && ( $opened === $this->host() . ':' . $this->port() || ( $opened === $this->host() && ! isset( $this->parts['port'] ) ) );
	}

	/**
	 * What is wrong with the format of the address, as a message; '' if nothing is.
	 *
	 * @return string
	 */
	public function format_problem() {
		if ( '' === $this->host() || false !== strpbrk( $this->host(), ':#?[]' ) ) {
			return __( 'The gateway address is not a valid web address. Enter one such as https://relay.example.com/webhooks/wp.', 'relay-connector' );
		}
		if ( isset( $this->parts['user'] ) || isset( $this->parts['pass'] ) ) {
			return __( 'The gateway address contains a user name or password. Relay does not use them: remove everything up to the @ character.', 'relay-connector' );
		}
		if ( $this->is_allowed_host() ) {
			return '';
		}
		if ( ! $this->is_encrypted() ) {
			return __( 'The gateway address starts with http://, so personal data would be sent unencrypted. Use https://. If the gateway is in your own network, set RELAY_CONNECTOR_ALLOW_HOST in wp-config.php to its host.', 'relay-connector' );
		}
		if ( ! in_array( $this->port(), self::USUAL_PORTS, true ) ) {
			return sprintf(
				/* translators: 1: port number, 2: host and port. */
				__( 'Port %1$d is not one of the usual web ports (80, 443, 8080). If it is correct, add this line to wp-config.php: define( \'RELAY_CONNECTOR_ALLOW_HOST\', \'%2$s\' );', 'relay-connector' ),
				$this->port(),
				$this->host() . ':' . $this->port()
			);
		}
		return '';
	}

	/**
	 * Every IPv4 address of the host; empty if the name cannot be resolved.
	 *
	 * @return string[]
	 */
	public function resolve() {
		if ( filter_var( $this->host(), FILTER_VALIDATE_IP ) ) {
			return array( $this->host() );
		}
		$found = gethostbynamel( $this->host() . '.' );
		$found = $found ? $found : gethostbynamel( $this->host() );
		return $found ? $found : array();
	}

	/**
	 * The first address in a private, loopback, link-local or reserved network; '' if there is none.
	 *
	 * @param string[] $ips Addresses of the host.
	 * @return string
	 */
	public function internal_ip( array $ips ) {
		if ( $this->is_allowed_host() ) {
			return '';
		}
		foreach ( $ips as $ip ) {
			$public = filter_var( $ip, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE );
			$long   = ip2long( $ip );
			$shared = false !== $long && ( $long & 0xFFC00000 ) === ( ip2long( '100.64.0.0' ) & 0xFFC00000 );
			if ( ! $public || $shared ) {
				return $ip;
			}
		}
		return '';
	}

	/**
	 * Filters http_request_host_is_external: allows the one internal host.
	 *
	 * @param bool   $external The filtered value.
	 * @param string $host     The host in question.
	 * @return bool
	 */
	public function allow_host( $external, $host ) {
		return $external || ( strtolower( $host ) === $this->host() && $this->is_allowed_host() );
	}

	/**
	 * Filters http_allowed_safe_ports: allows the port of the one internal host.
	 *
	 * @param int[]  $ports The filtered value.
	 * @param string $host  The host in question.
	 * @return int[]
	 */
	public function allow_port( $ports, $host ) {
		if ( strtolower( $host ) === $this->host() && $this->is_allowed_host() ) {
			$ports[] = $this->port();
		}
		return $ports;
	}

	/**
	 * Whether the scheme is https.
	 *
	 * @return bool
	 */
	private function is_encrypted() {
		return isset( $this->parts['scheme'] ) && 'https' === strtolower( $this->parts['scheme'] );
	}
}
