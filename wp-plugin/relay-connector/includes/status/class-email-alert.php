<?php
/**
 * The alert e-mail.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Admin\Settings_Page;
use Relay_Connector\Events\Plain_Text;
use Relay_Connector\Stored_State;

defined( 'ABSPATH' ) || exit;

/**
 * Sends an e-mail to the admin when events have been stuck for an hour, then once a day while it lasts. It contains no
 * personal data of visitors.
 */
final class Email_Alert {

	const OPTION  = 'relay_connector_alarm';
	const STATE   = 'relay_connector_alarm_state';
	const AFTER_S = 3600;
	const AGAIN_S = 86400;

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * Takes the status.
	 *
	 * @param Status $status The status.
	 */
	public function __construct( Status $status ) {
		$this->status = $status;
	}

	/**
	 * Whether the e-mail is enabled. It is by default.
	 *
	 * @return bool
	 */
	public static function is_enabled() {
		return (bool) get_option( self::OPTION, 1 );
	}

	/**
	 * Sends the e-mail if it is due. Called after each run, when the visitor has the response.
	 */
	public function send_if_due() {
		$since  = self::is_enabled() ? $this->status->stuck_since() : 0;
		$stored = new Stored_State( self::STATE );
		if ( ! $since || time() - $since < self::AFTER_S ) {
			if ( ! $since ) {
				$stored->delete();
			}
			return;
		}
		$stored->create( array( 'mailed_at' => 0 ) );
		if ( null === $stored->value || time() - $stored->value['mailed_at'] < self::AGAIN_S ) {
			return;
		}
		// Stored first: of two runs at the same time only one sends, and a failing mail server is not called every minute.
		if ( $stored->replace( array( 'mailed_at' => time() ) ) ) {
			$this->send( $since );
		}
	}

	/**
	 * Sends the e-mail.
	 *
	 * @param int $since Unix seconds.
	 */
	private function send( $since ) {
		$lines = array();
		foreach ( $this->status->problems() as $problem ) {
			$lines[] = $problem['title'] . ' ' . $problem['text'];
		}
		/* translators: %s: a length of time. */
		$lines[] = sprintf( __( 'This has been the case for %s.', 'relay-connector' ), human_time_diff( $since ) );
		/* translators: %s: web address. */
		$lines[] = sprintf( __( 'See the waiting events and the reason: %s', 'relay-connector' ), Settings_Page::url() );
		$lines[] = __( 'This e-mail is sent at most once a day while the problem lasts. You can turn it off on the same page.', 'relay-connector' );
		/**
		 * Filters the recipient of the alert.
		 *
		 * @param string $address Default: the site's admin e-mail address.
		 */
		$to = (string) apply_filters( 'relay_connector_alarm_recipient', get_option( 'admin_email' ) );
		/* translators: %s: name of a site. */
		$subject = sprintf( __( '[%s] Events are not reaching Relay', 'relay-connector' ), Plain_Text::from_title( get_option( 'blogname' ) ) );
		wp_mail( $to, $subject, implode( "\n\n", $lines ) );
	}
}
