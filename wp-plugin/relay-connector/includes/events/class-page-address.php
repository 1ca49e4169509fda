<?php
/**
 * The page of a form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * The page's URL and its campaign parameters.
 */
final class Page_Address {

	const LONGEST        = 2000;
	const UTM_PARAMETERS = array( 'source', 'medium', 'campaign', 'term', 'content', 'id' );

	/**
	 * The URL, '' if it is not known.
	 *
	 * @var string
	 */
	public $url = '';

	/**
	 * Takes the URL from the form plugin; without one, the referer is used.
	 *
	 * @param string $address A URL, a path on this host, or ''.
	 */
	public function __construct( $address = '' ) {
		$address = '' === (string) $address ? (string) wp_get_raw_referer() : (string) $address;
		if ( 0 === strpos( $address, '/' ) && 0 !== strpos( $address, '//' ) ) {
			// A path on the host, even if the site is in a subfolder.
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
	 * The UTM parameters of the URL, without the prefix "utm_".
	 *
	 * @return string[]
	 */
	public function utm() {
		$query = array();
		wp_parse_str( (string) wp_parse_url( $this->url, PHP_URL_QUERY ), $query );
		$utm = array();
		foreach ( self::UTM_PARAMETERS as $name ) {
			if ( isset( $query[ 'utm_' . $name ] ) && is_string( $query[ 'utm_' . $name ] ) && '' !== $query[ 'utm_' . $name ] ) {
				$utm[ $name ] = Plain_Text::from_title( $query[ 'utm_' . $name ] );
			}
		}
		return $utm;
	}
}
