<?php
/**
 * The page that a visitor was on.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * A full address, and the marks of a campaign in it.
 */
final class Page_Address {

	const LONGEST        = 2000;
	const UTM_PARAMETERS = array( 'source', 'medium', 'campaign', 'term', 'content', 'id' );

	/**
	 * The address, '' when it is not known.
	 *
	 * @var string
	 */
	public $url = '';

	/**
	 * Takes what the form plugin says; without it, the page that the browser says it came from.
	 *
	 * @param string $address An address, a path on this site, or ''.
	 */
	public function __construct( $address = '' ) {
		$address = '' === (string) $address ? (string) wp_get_raw_referer() : (string) $address;
		if ( 0 === strpos( $address, '/' ) && 0 !== strpos( $address, '//' ) ) {
			// A path of the host, whatever folder of it the site lives in.
			$home    = wp_parse_url( home_url() );
			$port    = isset( $home['port'] ) ? ':' . $home['port'] : '';
			$address = $home['scheme'] . '://' . $home['host'] . $port . $address;
		}
		$url = esc_url_raw( $address, array( 'http', 'https' ) );
		if ( strlen( $url ) <= self::LONGEST ) {
			$this->url = $url;
		}
	}

	/**
	 * The utm parameters of the address, without the first four letters of their names.
	 *
	 * @return string[]
	 */
	public function utm() {
		$query = array();
		wp_parse_str( (string) wp_parse_url( $this->url, PHP_URL_QUERY ), $query );
		$utm = array();
		foreach ( self::UTM_PARAMETERS as $name ) {
			if ( isset( $query[ 'utm_' . $name ] ) && is_string( $query[ 'utm_' . $name ] ) && '' !== $query[ 'utm_' . $name ] ) {
				$utm[ $name ] = Text::line( $query[ 'utm_' . $name ] );
			}
		}
		return $utm;
	}
}
