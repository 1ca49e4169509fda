<?php
/**
 * The e-mail to the admin.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Admin\Settings_Page;
use Relay_Connector\Stored_State;

defined( 'ABSPATH' ) || exit;

/**
 * Writes to the admin when something has been stuck for an hour: once, and as long as it lasts again once a day. It has
 * no names or texts of visitors in it.
 */
final class Email_Alert {

	const OPTION  = 'relay_connector_alarm';
	const STATE   = 'relay_connector_alarm_state';
	const AFTER_S = 3600;
	const AGAIN_S = 86400;

	/**
	 * The standing.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * Takes what it tells about.
	 *
	 * @param Status $status The standing.
	 */
	public function __construct( Status $status ) {
		$this->status = $status;
	}

	/**
	 * Whether e-mails are wanted; they are, until somebody says otherwise.
	 *
	 * @return bool
	 */
	public static function is_enabled() {
		return (bool) get_option( self::OPTION, 1 );
	}

	/**
	 * Writes, if it is time to. Called after each run, when a visitor has long been answered.
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
		// Written down first: of two runs at the same time one writes, and a mail server that fails is not asked each minute.
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
		$lines[] = sprintf( __( 'This has lasted for %s.', 'relay-connector' ), human_time_diff( $since ) );
		/* translators: %s: web address. */
		$lines[] = sprintf( __( 'See what waits and why: %s', 'relay-connector' ), Settings_Page::url() );
		$lines[] = __( 'This message comes at most once a day, for as long as it lasts. You can switch it off on the same page.', 'relay-connector' );
		/**
		 * Changes who is told that events are stuck.
		 *
		 * @param string $address By default the e-mail address of the site's administration.
		 */
		$to = (string) apply_filters( 'relay_connector_alarm_recipient', get_option( 'admin_email' ) );
		/* translators: %s: name of a site. */
		$subject = sprintf( __( '[%s] Events do not reach Relay', 'relay-connector' ), wp_specialchars_decode( get_option( 'blogname' ), ENT_QUOTES ) );
		wp_mail( $to, $subject, implode( "\n\n", $lines ) );
	}
}
